{%- from "services/map.jinja" import shared, behind, doors with context %}
{%- set unit = "/etc/systemd/system/kraftwerk-clients.service" %}
{%- if doors %}

include:
  - node.folder

services/clients/installed:
  pkg.installed:
    - name: nftables
    - install_recommends: False

services/clients/files:
  file.managed:
    - names:
      - /etc/kraftwerk/clients.nft:
        - source: salt://services/clients.nft.jinja
      - {{ unit }}:
        - source: salt://services/clients.service
    - template: jinja
    - context: {{ {"doors": doors} | tojson }}
    - require:
      - file: node/folder/etc/kraftwerk

services/clients/running:
  service.running:
    - name: kraftwerk-clients
    - enable: True
    - reload: True
    - require:
      - pkg: services/clients/installed
    - watch:
      - file: services/clients/files
    - require_in:
  {%- for service in behind %}
      - service: services/{{ service }}/config/service
  {%- endfor %}

# Who removed all rules by hand removed these, too.
services/clients/loaded:
  cmd.run:
    - name: systemctl reload kraftwerk-clients
    - unless: nft list table inet kraftwerk_clients
    - require:
      - service: services/clients/running
{%- elif shared or salt["file.file_exists"](unit) %}

services/clients/dead:
  service.dead:
    - name: kraftwerk-clients
    - enable: False
    - onlyif: test -e {{ unit }}

services/clients/gone:
  file.absent:
    - names: [/etc/kraftwerk/clients.nft, {{ unit }}]
    - require:
      - service: services/clients/dead
{%- endif %}
