{%- from "node/map.jinja" import node, guarded with context %}

# A cloud tells every program on a machine its user data and its credentials, at one address. Only root needs them:
# a hole in a site must not read the machine's host key there.
{%- if guarded %}

node/metadata/package:
  pkg.installed:
    - name: nftables
    - install_recommends: False
    - aggregate: True

node/metadata/rules:
  file.managed:
    - name: /etc/kraftwerk/metadata.nft
    - source: salt://node/files/metadata.nft.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"addresses": node.metadata_addresses} | tojson }}
    - require:
      - file: node/folder/etc/kraftwerk

node/metadata/unit:
  file.managed:
    - name: /etc/systemd/system/kraftwerk-metadata.service
    - source: salt://node/files/metadata.service
    - mode: '0644'

node/metadata/service:
  service.running:
    - name: kraftwerk-metadata
    - enable: True
    - require:
      - pkg: node/metadata/package
    - watch:
      - file: node/metadata/rules
      - file: node/metadata/unit
{%- endif %}
