{%- from "services/postgres/map.jinja" import postgres with context %}

services/postgres/package/installed:
  pkg.installed:
    - pkgs: {{ postgres.packages | tojson }}
    - install_recommends: False
    - aggregate: True
