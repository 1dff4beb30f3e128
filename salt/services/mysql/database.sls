{%- from "services/mysql/map.jinja" import mysql_place with context %}

include:
  - project
{%- for name, one in mysql_place.here.items() %}

services/mysql/database/{{ name }}:
  kw_service.present:
    - name: {{ name }}
    - service: mysql
    - require:
      - service: services/mysql/config/service
      - kw_service: project/service/{{ name }}
    {%- if one.local %}
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
    {%- endif %}
{%- endfor %}
