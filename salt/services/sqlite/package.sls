{%- from "services/sqlite/map.jinja" import sqlite with context %}

services/sqlite/package/installed:
  pkg.installed:
    - pkgs: {{ sqlite.packages | tojson }}
    - install_recommends: False
    - aggregate: True
