{%- from "minion/map.jinja" import minion with context %}

# The node stays as it is, and is looked after over ssh again. On the master: salt-key -d NODE.
minion/clean/service:
  service.dead:
    - name: {{ minion.unit }}
    - enable: False

minion/clean/files:
  file.absent:
    - names:
      - /etc/systemd/system/{{ minion.unit }}.service
      - {{ minion.config }}
      - {{ minion.cache }}
      - {{ minion.virtualenv }}
    - require:
      - service: minion/clean/service

minion/clean/reload:
  cmd.run:
    - name: systemctl daemon-reload
    - onchanges:
      - file: minion/clean/files
