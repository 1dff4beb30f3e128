{%- from "project/map.jinja" import removed with context %}

# Uploaded files go with the tables that name them, not with the source.
{%- for name, instance in removed.items() if "files" in instance.services and "tables" in instance.remove %}

services/files/clean/{{ name }}:
  file.absent:
    - name: {{ instance.root }}/uploads
{%- endfor %}
