{%- from "services/memcached/map.jinja" import memcached, memcached_place with context %}

services/memcached/package/ping:
  file.managed:
    - name: {{ memcached.ping }}
    - source: salt://services/memcached/files/ping.py
    - mode: '0755'
{%- if memcached_place.server %}

# Debian's own unit would open a port for every user of the node. Who had a memcached here before keeps it.
services/memcached/package/masked:
  file.symlink:
    - name: /etc/systemd/system/memcached.service
    - target: /dev/null
    - unless: test -e /usr/bin/memcached
    - order: first

services/memcached/package/installed:
  pkg.installed:
    - pkgs: {{ memcached.packages | tojson }}
    - install_recommends: False
    - aggregate: True
{%- endif %}
