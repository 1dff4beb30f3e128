{%- from "services/redis/map.jinja" import redis, redis_place with context %}

{%- set more = redis.network_packages if redis_place.listen else [] %}
{%- if redis_place.server %}

# Debian's own unit would open a port for every user of the node. Who had a redis here before keeps it.
services/redis/package/masked:
  file.symlink:
    - name: /etc/systemd/system/redis-server.service
    - target: /dev/null
    - unless: test -e /usr/bin/redis-server
    - order: first
{%- endif %}

services/redis/package/installed:
  pkg.installed:
    - pkgs: {{ ((redis.packages if redis_place.server else redis.client_packages) + more) | tojson }}
    - install_recommends: False
    - aggregate: True

services/redis/package/ping:
  file.managed:
    - name: {{ redis.ping }}
    - source: salt://services/redis/files/ping.py
    - mode: '0755'
