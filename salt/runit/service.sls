{%- from "runit/map.jinja" import runit with context %}

runit/service/unwanted:
  file.absent:
    - names:
      {%- for name in runit.unwanted %}
      - /etc/service/{{ name }}
      {%- endfor %}
    - require:
      - pkg: runit/package/installed

runit/service/running:
  service.running:
    - name: {{ runit.unit }}
    - enable: True
    - require:
      - file: runit/service/unwanted
