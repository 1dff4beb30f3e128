{%- from "services/mysql/map.jinja" import mysql_place with context %}

# Data of an instance on its way out, as far as its `remove` says. The server stays: other instances may use it, and
# other nodes don't.
{%- for name, one in mysql_place.removed.items() %}

services/mysql/clean/{{ name }}:
  kw_service.absent:
    - name: {{ name }}
    - service: mysql
    - what: {{ (one.remove + ["clients"]) | tojson }}
{%- endfor %}
