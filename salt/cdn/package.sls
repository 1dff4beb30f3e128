{%- from "cdn/map.jinja" import packages with context %}
{%- if packages %}

cdn/package/installed:
  pkg.installed:
    - pkgs: {{ packages | unique | sort | tojson }}
    - install_recommends: False
    - aggregate: True
{%- endif %}
