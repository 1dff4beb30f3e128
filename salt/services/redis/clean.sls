{%- from "services/redis/map.jinja" import redis_place with context %}

# Data of an instance on its way out, as far as its `remove` says; what stays is open to no other node any more.
{%- for name, one in redis_place.removed.items() %}

services/redis/clean/{{ name }}:
  kw_service.absent:
    - name: {{ name }}
    - service: redis
    - what: {{ (one.remove + ["clients"]) | tojson }}
{%- endfor %}
