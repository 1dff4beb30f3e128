{%- from "services/postgres/map.jinja" import postgres, postgres_place with context %}
{%- if postgres_place.server %}

# conf.d comes after postgresql.conf, so what stands here holds.
services/postgres/config/file:
  file.managed:
    - name: {{ postgres.folder }}/conf.d/kraftwerk.conf
    - source: salt://services/postgres/files/kraftwerk.conf.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"options": postgres.options} | tojson }}
    - require:
      - pkg: services/postgres/package/installed

services/postgres/config/service:
  service.running:
    - name: {{ postgres.unit }}
    - enable: True
    - reload: True
    - watch:
      - file: services/postgres/config/file

# Written by a run that was cut short before its reload: the server knows when it read them last.
services/postgres/config/reload:
  cmd.run:
    - name: systemctl reload {{ postgres.unit }} && sleep 1
    - onlyif: >-
        cd / && {{ postgres.psql }} -c "SELECT name FROM
        unnest(array['conf.d/kraftwerk.conf', 'pg_hba.conf']) AS name WHERE
        (pg_stat_file('{{ postgres.folder }}/' || name)).modification > pg_conf_load_time()" | grep -q .
    - require:
      - service: services/postgres/config/service

# Some settings, such as listen_addresses, take a restart; the server knows which, so that it stays up otherwise.
services/postgres/config/restart:
  cmd.run:
    - name: systemctl restart {{ postgres.unit }}
    - onlyif: >-
        cd / && {{ postgres.psql }} -c 'SELECT name FROM pg_settings WHERE pending_restart' | grep -q .
    - require:
      - cmd: services/postgres/config/reload
{%- endif %}
