{%- from "nginx/map.jinja" import nginx with context %}

nginx/package/installed:
  pkg.installed:
    - pkgs: [{{ nginx.package }}]
    - install_recommends: False
    - aggregate: True
