{%- from "minion/map.jinja" import minion with context %}

minion/service/running:
  service.running:
    - name: {{ minion.unit }}
    - enable: True
    - watch:
      - cmd: minion/package/salt
      - file: minion/config/master.pub
      - file: minion/config/file
      - file: minion/config/unit

# The public half is what the master must be told.
minion/service/key:
  cmd.run:
    - name: timeout 30 sh -c 'until test -s {{ minion.config }}/pki/minion.pub; do sleep 0.1; done'
    - creates: {{ minion.config }}/pki/minion.pub
    - require:
      - service: minion/service/running
