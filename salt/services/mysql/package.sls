{%- from "services/mysql/map.jinja" import mysql, mysql_place with context %}

services/mysql/package/installed:
  pkg.installed:
    - pkgs: {{ (mysql.packages if mysql_place.server else mysql.client_packages) | tojson }}
    - install_recommends: False
    - aggregate: True
