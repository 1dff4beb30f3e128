{%- from "services/redis/map.jinja" import redis_place with context %}

# Data of an instance on its way out, as far as its `remove` says.
{%- for name, one in redis_place.removed.items() %}

services/redis/clean/{{ name }}:
  kw_redis.absent:
    - name: {{ name }}
    - what: {{ one.remove | tojson }}
{%- endfor %}
