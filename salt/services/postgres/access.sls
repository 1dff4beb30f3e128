{%- from "services/postgres/map.jinja" import postgres, postgres_place with context %}
{%- set mark = "kraftwerk, other nodes" %}
{%- if postgres_place.server %}
{%- if postgres_place.listen %}

# Nobody vouches for it: it encrypts. Who answers is proven by the password, which both sides must know.
services/postgres/access/certificate:
  cmd.run:
    - name: >-
        umask 077 && openssl req -new -x509 -nodes -days 7300 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
        -subj "/CN=$(hostname)" -keyout {{ postgres.certificate }}.key -out {{ postgres.certificate }}.crt
    - creates: {{ postgres.certificate }}.crt
    - require:
      - pkg: services/postgres/package/installed
{%- for ending, mode in (("key", "0600"), ("crt", "0644")) %}

services/postgres/access/{{ ending }}:
  file.managed:
    - name: {{ postgres.certificate }}.{{ ending }}
    - user: postgres
    - mode: '{{ mode }}'
    - replace: False
    - require:
      - cmd: services/postgres/access/certificate
    - require_in:
      - file: services/postgres/config/file
{%- endfor %}
{%- endif %}

# Each role from the nodes that its instance runs on, with its password and encrypted; all else stays as Debian has it.
services/postgres/access/file:
  file.blockreplace:
    - name: {{ postgres.folder }}/pg_hba.conf
    - marker_start: '# {{ mark }}, begin'
    - marker_end: '# {{ mark }}, end'
    - append_if_not_found: {{ postgres_place.listen | length > 0 }}
    - append_newline: True
    - content: |
        # Written by kraftwerk.
{%- for name, one in postgres_place.here.items() %}
{%- for address in one.clients.values() %}
        hostssl all "web-{{ name }}" {{ address }}/{{ 128 if ":" in address else 32 }} scram-sha-256
{%- endfor %}
{%- endfor %}
{%- if not postgres_place.listen %}
    - onlyif: grep -q '{{ mark }}' {{ postgres.folder }}/pg_hba.conf
{%- endif %}
    - require:
      - pkg: services/postgres/package/installed
    - watch_in:
      - service: services/postgres/config/service
{%- endif %}
