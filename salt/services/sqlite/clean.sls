{%- from "project/map.jinja" import removed with context %}

# Databases go with the tables in them, not with the source.
{%- for name, instance in removed.items() if "sqlite" in instance.services and "tables" in instance.remove %}

services/sqlite/clean/{{ name }}:
  file.absent:
    - name: {{ instance.root }}/sqlite
{%- endfor %}
