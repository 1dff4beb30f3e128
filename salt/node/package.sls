{%- from "node/map.jinja" import node with context %}

# All packages of all states go into one apt transaction (aggregate).
node/package/installed:
  pkg.installed:
    - pkgs: {{ node.packages | tojson }}
    - install_recommends: False
    - aggregate: True
