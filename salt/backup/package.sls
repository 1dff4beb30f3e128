{%- from "backup/map.jinja" import packages with context %}

# Only what a store here needs: nothing for a folder of the node's own.
{%- if packages %}
backup/package/installed:
  pkg.installed:
    - pkgs: {{ packages | unique | sort | tojson }}
    - install_recommends: False
    - aggregate: True
{%- endif %}
