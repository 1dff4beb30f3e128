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

# Erlang's list of the programs that it runs would listen on all addresses.
services/couchdb/config/unit:
  file.managed:
    - name: /etc/systemd/system/{{ couchdb.unit }}.service.d/kraftwerk.conf
    - contents: |
        # Written by kraftwerk.
        [Service]
        Environment=ERL_EPMD_ADDRESS=127.0.0.1
    - mode: '0644'
    - makedirs: True
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
      - file: services/couchdb/config/unit
      - kw_couchdb: services/couchdb/config/admin
