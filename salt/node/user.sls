{%- from "node/map.jinja" import node with context %}

node/user/web:
  user.present:
    - name: {{ node.user }}
    - home: {{ node.home }}
    - createhome: False
    - system: True
    - usergroup: True
    - shell: /usr/sbin/nologin

node/user/home:
  file.directory:
    - name: {{ node.home }}
    - user: {{ node.user }}
    - group: {{ node.user }}
    - mode: '0755'
    - require:
      - user: node/user/web
