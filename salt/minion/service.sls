{%- from "minion/map.jinja" import minion with context %}
{%- set loaded = [
  minion.virtualenv ~ "/salt-" ~ minion.version,
  minion.config ~ "/minion",
  minion.config ~ "/pki/minion_master.pub",
  "/etc/systemd/system/" ~ minion.unit ~ ".service",
] %}

minion/service/running:
  service.running:
    - name: {{ minion.unit }}
    - enable: True
    - require:
      - cmd: minion/package/salt
      - file: minion/config/file
      - file: minion/config/master.pub
      - file: minion/config/unit

# The public half is what the master must be told.
minion/service/key:
  cmd.run:
    - name: timeout 30 sh -c 'until test -s {{ minion.config }}/pki/minion.pub; do sleep 0.1; done'
    - creates: {{ minion.config }}/pki/minion.pub
    - require:
      - service: minion/service/running

# Last, and not waited for: the run may go through this very minion, which has five seconds then to report.
minion/service/loaded:
  cmd.run:
    - name: systemctl restart --no-block {{ minion.unit }}
    - unless: test -z "$(find {{ loaded | join(" ") }} -newer /run/{{ minion.unit }}/pid)"
    - order: last
    - require:
      - service: minion/service/running
