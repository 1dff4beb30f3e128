{%- from "services/postgres/map.jinja" import postgres, postgres_place with context %}
{%- set packages = postgres.packages if postgres_place.server else postgres.client_packages %}

services/postgres/package/installed:
  pkg.installed:
    - pkgs: {{ (packages + (postgres.client_server_packages if postgres_place.listen else [])) | tojson }}
    - install_recommends: False
    - aggregate: True

services/postgres/package/ping:
  file.managed:
    - name: {{ postgres.ping }}
    - source: salt://services/postgres/files/ping.py
    - mode: '0755'
