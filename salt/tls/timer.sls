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

tls/timer/running:
  service.running:
    - name: kraftwerk-tls.timer
    - enable: True
    - watch:
      - file: tls/timer/units
{%- endif %}
