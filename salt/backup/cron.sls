{%- from "backup/map.jinja" import backups, program with context %}

include:
  - node.package
{%- for name, backup in backups.items() %}

backup/cron/{{ name }}:
  {%- if backup.cron %}
  file.managed:
    - name: /etc/cron.d/kraftwerk-backup-{{ name }}
    - source: salt://backup/files/cron.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"name": name, "cron": backup.cron, "program": program} | tojson }}
    - require:
      - pkg: node/package/installed
      - kw_program: backup/program/modules
      - kw_backupconfig: backup/config/{{ name }}
  {%- else %}
  file.absent:
    - name: /etc/cron.d/kraftwerk-backup-{{ name }}
  {%- endif %}
{%- endfor %}
