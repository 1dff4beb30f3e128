{%- from "services/mysql/map.jinja" import mysql, mysql_place with context %}
{%- if mysql_place.server %}

services/mysql/config/file:
  file.managed:
    - name: {{ mysql.conf }}
    - source: salt://services/mysql/files/kraftwerk.cnf.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"options": mysql.options} | tojson }}
    - require:
      - pkg: services/mysql/package/installed

# The server reads its options when it starts, and only then.
services/mysql/config/service:
  service.running:
    - name: {{ mysql.unit }}
    - enable: True
    - watch:
      - file: services/mysql/config/file
{%- endif %}
