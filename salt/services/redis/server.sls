{%- from "services/redis/map.jinja" import redis_place with context %}

include:
  - project
{%- for name, one in redis_place.here.items() %}

services/redis/server/{{ name }}:
  kw_redis.present:
    - name: {{ name }}
    - require:
      - pkg: services/redis/package/installed
      - service: services/redis/unit/enabled
      - user: project/user/{{ name }}
      - kw_service: project/service/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
