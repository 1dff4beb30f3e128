{%- from "services/postgres/map.jinja" import postgres_place with context %}

# Data of an instance on its way out, as far as its `remove` says. The server stays: other instances may use it.
{%- for name, one in postgres_place.removed.items() %}

services/postgres/clean/{{ name }}:
  kw_service.absent:
    - name: {{ name }}
    - service: postgres
    - what: {{ one.remove | tojson }}
{%- endfor %}
