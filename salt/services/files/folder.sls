{%- from "services/files/map.jinja" import files with context %}
{%- from "project/map.jinja" import instances with context %}

include:
  - nginx.package
  - project
{%- for name, instance in instances.items() if "files" in instance.services %}

services/files/folder/{{ name }}:
  file.directory:
    - name: {{ instance.root }}/uploads
    - user: {{ instance.user }}
    - group: {{ files.group }}
    - mode: '{{ files.mode }}'
    - require:
      - file: project/folder/{{ name }}
      - pkg: nginx/package/installed
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
