{%- from "node/map.jinja" import node with context %}

# Undo what node/ made, as far as nothing of an instance is in it any more: rmdir removes empty folders only.
{%- for path in ["/etc/kraftwerk/secrets", "/etc/kraftwerk", "/var/lib/kraftwerk/instances", "/var/lib/kraftwerk",
                 "/var/log/kraftwerk", node.home] %}

node/clean{{ path }}:
  cmd.run:
    - name: rmdir {{ path }}
    - onlyif: test -d {{ path }} && test -z "$(ls -A {{ path }})"
    - order: last
{%- endfor %}

node/clean/user:
  user.absent:
    - name: {{ node.user }}
    - onlyif: test ! -d {{ node.home }}
    - order: last

node/clean/metadata:
  service.dead:
    - name: kraftwerk-metadata
    - enable: False
  file.absent:
    - names:
      - /etc/kraftwerk/metadata.nft
      - /etc/systemd/system/kraftwerk-metadata.service
