{%- from "services/couchdb/map.jinja" import couchdb with context %}

# Loopback alone: CouchDB has no list of addresses that it lets in.
services/couchdb/config/file:
  file.managed:
    - name: {{ couchdb.folder }}/kraftwerk.ini
    - source: salt://services/couchdb/files/kraftwerk.ini.jinja
    - template: jinja
    - user: couchdb
    - group: couchdb
    - mode: '0640'
    - context: {{ {"port": couchdb.port} | tojson }}
    - require:
      - pkg: services/couchdb/package/installed

services/couchdb/config/admin:
  kw_couchdb.admin:
    - name: {{ couchdb.folder }}/kraftwerk-admin.ini
    - port: {{ couchdb.port }}
    - require:
      - file: services/couchdb/config/file

services/couchdb/config/service:
  service.running:
    - name: {{ couchdb.unit }}
    - enable: True
    - watch:
      - file: services/couchdb/config/file
      - kw_couchdb: services/couchdb/config/admin
