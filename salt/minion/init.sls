{%- from "minion/map.jinja" import minion with context %}

include:
  - python.uv
{%- if minion.master %}
  - minion.package
  - minion.config
  - minion.service
{%- endif %}
