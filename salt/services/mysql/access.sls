{%- from "services/mysql/map.jinja" import mysql, mysql_place with context %}
{%- if mysql_place.server and mysql_place.listen %}

# Nobody vouches for it: it encrypts. Who answers is proven by the password, which both sides must know.
services/mysql/access/certificate:
  cmd.run:
    - name: >-
        umask 077 && openssl req -new -x509 -nodes -days 7300 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
        -subj "/CN=$(hostname)" -keyout {{ mysql.certificate }}.key -out {{ mysql.certificate }}.crt
    - creates: {{ mysql.certificate }}.crt
    - require:
      - pkg: services/mysql/package/installed
{%- for ending, mode in (("key", "0600"), ("crt", "0644")) %}

services/mysql/access/{{ ending }}:
  file.managed:
    - name: {{ mysql.certificate }}.{{ ending }}
    - user: mysql
    - mode: '{{ mode }}'
    - replace: False
    - require:
      - cmd: services/mysql/access/certificate
    - require_in:
      - file: services/mysql/config/file
{%- endfor %}
{%- endif %}
