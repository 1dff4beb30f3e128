{%- from "services/couchdb/map.jinja" import couchdb with context %}

include:
  - node.package

services/couchdb/package/key:
  cmd.run:
    - name: >-
        curl --fail --silent --show-error --location --max-time 60 --output {{ couchdb.keyring }}.new {{ couchdb.key }}
        && mv {{ couchdb.keyring }}.new {{ couchdb.keyring }}
        || { echo "Apache's repository of CouchDB can't be reached from this node: name a mirror in
        kraftwerk:settings:couchdb:key and :repository, or a server elsewhere by services.couchdb.url" >&2; false; }
    - creates: {{ couchdb.keyring }}
    - require:
      - pkg: node/package/installed

services/couchdb/package/repository:
  file.managed:
    - name: /etc/apt/sources.list.d/kraftwerk-couchdb.list
    - contents: deb [signed-by={{ couchdb.keyring }}] {{ couchdb.repository }} {{ couchdb.codename }} main
    - mode: '0644'
    - require:
      - cmd: services/couchdb/package/key

# An admin is made by services.couchdb.config, on this node; the package's questions would want one in clear.
services/couchdb/package/answers:
  cmd.run:
    - name: echo couchdb couchdb/mode select none | debconf-set-selections
    - unless: debconf-show couchdb | grep -q 'mode. none'
    - require:
      - file: services/couchdb/package/repository

# Not in one transaction with the others: its repository comes with these states.
services/couchdb/package/installed:
  pkg.installed:
    - names: {{ couchdb.packages | tojson }}
    - refresh: True
    - install_recommends: False
    - require:
      - cmd: services/couchdb/package/answers
