{%- from "services/mysql/map.jinja" import mysql, mysql_place with context %}
{%- set packages = mysql.packages if mysql_place.server else mysql.client_packages %}

services/mysql/package/installed:
  pkg.installed:
    - pkgs: {{ (packages + (mysql.client_server_packages if mysql_place.listen else [])) | tojson }}
    - install_recommends: False
    - aggregate: True
{%- if mysql_place.away %}

include:
  - project

services/mysql/package/client:
  file.managed:
    - name: {{ mysql.client_conf }}
    - source: salt://services/mysql/files/client.cnf
    - mode: '0644'
    - require:
      - pkg: services/mysql/package/installed
    - require_in:
      {%- for name in mysql_place.away %}
      - kw_environ: project/env/{{ name }}
      {%- endfor %}
{%- endif %}
