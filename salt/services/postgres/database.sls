{%- from "project/map.jinja" import instances with context %}

include:
  - project
{%- for name, instance in instances.items() if "postgres" in instance.services %}

services/postgres/database/{{ name }}:
  kw_postgres.present:
    - name: {{ name }}
    - require:
      - cmd: services/postgres/config/restart
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
