{%- from "services/couchdb/map.jinja" import couchdb_place with context %}

# Data of an instance on its way out, as far as its `remove` says. The server stays: other instances may use it.
{%- for name, one in couchdb_place.removed.items() %}

services/couchdb/clean/{{ name }}:
  kw_service.absent:
    - name: {{ name }}
    - service: couchdb
    - what: {{ one.remove | tojson }}
{%- endfor %}
