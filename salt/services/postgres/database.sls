{%- from "project/map.jinja" import instances with context %}
{%- for name, instance in instances.items() if "postgres" in instance.services %}

services/postgres/database/{{ name }}:
  kw_postgres.present:
    - name: {{ name }}
    - require:
      - service: services/postgres/config/service
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
