{%- from "python/map.jinja" import python with context %}

python/package/installed:
  pkg.installed:
    - pkgs: {{ python.packages | tojson }}
    - install_recommends: False
    - aggregate: True
