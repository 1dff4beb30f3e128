{%- from "backup/map.jinja" import backups, node with context %}

include:
  - node.folder
{%- for name, backup in backups.items() %}

backup/config/{{ name }}:
  kw_backupconfig.managed:
    - name: {{ name }}
    - node: {{ node }}
    - settings: {{ backup | tojson }}
    - require:
      - file: node/folder/etc/kraftwerk
{%- endfor %}
