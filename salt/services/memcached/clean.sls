{%- from "services/memcached/map.jinja" import memcached_place with context %}

# A cache goes with what it was kept for.
{%- for name, one in memcached_place.removed.items() if "tables" in one.remove %}

services/memcached/clean/{{ name }}/dead:
  service.dead:
    - name: kraftwerk-memcached-{{ name }}
    - enable: False

services/memcached/clean/{{ name }}:
  file.absent:
    - name: /etc/systemd/system/kraftwerk-memcached-{{ name }}.service
    - require:
      - service: services/memcached/clean/{{ name }}/dead
{%- endfor %}
