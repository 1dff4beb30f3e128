{%- from "project/map.jinja" import removed with context %}

# Uploaded files go with the data, not with the source.
{%- for name, instance in removed.items() if "files" in instance.services and "database" in instance.remove %}

services/files/clean/{{ name }}:
  file.absent:
    - name: {{ instance.root }}/uploads
{%- endfor %}
