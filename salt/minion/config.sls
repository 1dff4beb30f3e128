{%- from "minion/map.jinja" import minion with context %}

include:
  - node.folder

# The minion makes its own key pair in pki, and the private half never leaves the node.
minion/config/folder:
  file.directory:
    - names:
      - {{ minion.config }}
      - {{ minion.config }}/pki
      - {{ minion.cache }}
    - user: root
    - group: root
    - mode: '0700'
    - makedirs: True
    - require:
      - file: node/folder/etc/kraftwerk

minion/config/file:
  file.managed:
    - name: {{ minion.config }}/minion
    - source: salt://minion/files/minion.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0600'
    - context: {{ {"minion": minion} | tojson }}
    - require:
      - file: minion/config/folder

# The minion talks to no other master than the one with this key.
minion/config/master.pub:
  file.managed:
    - name: {{ minion.config }}/pki/minion_master.pub
    - source: salt://minion/files/master.pub
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - file: minion/config/folder

minion/config/unit:
  file.managed:
    - name: /etc/systemd/system/{{ minion.unit }}.service
    - source: salt://minion/files/unit.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"minion": minion} | tojson }}
