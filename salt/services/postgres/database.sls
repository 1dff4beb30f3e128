{%- from "services/postgres/map.jinja" import postgres_place with context %}

include:
  - project
{%- for name, one in postgres_place.here.items() %}

services/postgres/database/{{ name }}:
  kw_service.present:
    - name: {{ name }}
    - service: postgres
    - require:
      - cmd: services/postgres/config/restart
      - kw_service: project/service/{{ name }}
    {%- if one.local %}
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
    {%- endif %}
{%- endfor %}
