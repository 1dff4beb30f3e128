{%- from "runit/map.jinja" import runit with context %}

# Stops every process of every instance. The packages stay.
runit/clean/service:
  service.dead:
    - name: {{ runit.unit }}
    - enable: False
