{%- from "tls/map.jinja" import sites with context %}
{%- if sites %}

tls/timer/units:
  file.managed:
    - names:
      - /etc/systemd/system/kraftwerk-tls.service:
        - source: salt://tls/files/kraftwerk-tls.service
      - /etc/systemd/system/kraftwerk-tls.timer:
        - source: salt://tls/files/kraftwerk-tls.timer
    - mode: '0644'
    - require:
      - file: tls/config/certify

# The service, too: what it was once, and failed as, systemd remembers.
tls/timer/reloaded:
  cmd.run:
    - name: systemctl daemon-reload
    - onchanges:
      - file: tls/timer/units

tls/timer/running:
  service.running:
    - name: kraftwerk-tls.timer
    - enable: True
    - require:
      - cmd: tls/timer/reloaded
    - watch:
      - file: tls/timer/units
{%- endif %}
