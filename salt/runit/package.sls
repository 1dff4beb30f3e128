{%- from "runit/map.jinja" import runit with context %}

runit/package/installed:
  pkg.installed:
    - pkgs: {{ runit.packages | tojson }}
    - install_recommends: False
    - aggregate: True
