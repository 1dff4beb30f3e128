{%- from "health/map.jinja" import health, checks with context %}
{%- from "project/map.jinja" import hosted with context %}

include:
  - node.folder

# What is to be looked at, for kraftwerk/remote/health.sh: so a look needs nothing but a connection.
health/probes/file:
  file.managed:
    - name: /var/lib/kraftwerk/health
    - source: salt://health/files/probes.jinja
    - template: jinja
    - mode: '0640'
    - context: {{ {"health": health, "checks": checks, "instances": hosted} | tojson }}
    - require:
      - file: node/folder/var/lib/kraftwerk
