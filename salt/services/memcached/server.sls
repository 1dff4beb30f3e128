{%- from "services/memcached/map.jinja" import memcached_place, megabytes with context %}

include:
  - project
{%- if memcached_place.server %}

services/memcached/server/target:
  file.managed:
    - name: /etc/systemd/system/kraftwerk-memcached.target
    - source: salt://services/memcached/files/target
    - mode: '0644'

services/memcached/server/enabled:
  service.running:
    - name: kraftwerk-memcached.target
    - enable: True
    - require:
      - file: services/memcached/server/target
{%- endif %}
{%- for name, one in memcached_place.here.items() %}

services/memcached/server/{{ name }}:
  file.managed:
    - name: /etc/systemd/system/kraftwerk-memcached-{{ name }}.service
    - source: salt://services/memcached/files/server.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"name": name, "user": one.user, "memory": megabytes[name]} | tojson }}

services/memcached/server/{{ name }}/running:
  service.running:
    - name: kraftwerk-memcached-{{ name }}
    - enable: True
    - watch:
      - file: services/memcached/server/{{ name }}
    - require:
      - pkg: services/memcached/package/installed
      - service: services/memcached/server/enabled
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}
{%- endfor %}
