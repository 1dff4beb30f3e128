{%- from "services/redis/map.jinja" import redis_place with context %}
{%- if redis_place.server %}

# A unit that starts the live server of an instance, and a template for that server and the one that a load prepares.
services/redis/unit/target:
  file.managed:
    - name: /etc/systemd/system/kraftwerk-redis.target
    - source: salt://services/redis/files/target
    - mode: '0644'
{%- for name, one in redis_place.here.items() %}

services/redis/unit/{{ name }}:
  file.managed:
    - names:
      - /etc/systemd/system/kraftwerk-redis-{{ name }}.service:
        - source: salt://services/redis/files/live.jinja
      - /etc/systemd/system/kraftwerk-redis-{{ name }}@.service:
        - source: salt://services/redis/files/server.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"name": name, "user": one.keeper, "clients": one.clients.values() | unique | sort} | tojson }}
    - onchanges_in:
      - cmd: services/redis/unit/loaded
    - require_in:
      - service: services/redis/unit/enabled
{%- endfor %}

services/redis/unit/loaded:
  cmd.run:
    - name: systemctl daemon-reload
    - onchanges:
      - file: services/redis/unit/target

services/redis/unit/enabled:
  service.running:
    - name: kraftwerk-redis.target
    - enable: True
    - require:
      - cmd: services/redis/unit/loaded
{%- endif %}
