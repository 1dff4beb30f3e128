{%- from "services/sqlite/map.jinja" import sqlite with context %}
{%- from "project/map.jinja" import instances with context %}

include:
  - project
{%- for name, instance in instances.items() if "sqlite" in instance.services %}

services/sqlite/folder/{{ name }}:
  file.directory:
    - name: {{ instance.root }}/sqlite
    - user: {{ instance.user }}
    - group: {{ instance.user }}
    - mode: '{{ sqlite.mode }}'
    - require:
      - file: project/folder/{{ name }}
      - pkg: services/sqlite/package/installed
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
