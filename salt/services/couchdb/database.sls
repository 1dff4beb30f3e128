{%- from "services/couchdb/map.jinja" import couchdb_place with context %}

include:
  - project
{%- for name, one in couchdb_place.here.items() %}

services/couchdb/database/{{ name }}:
  kw_service.present:
    - name: {{ name }}
    - service: couchdb
    - require:
      - service: services/couchdb/config/service
      - kw_service: project/service/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
