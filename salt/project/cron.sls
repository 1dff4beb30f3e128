{%- from "project/map.jinja" import instances with context %}

include:
  - node.package
{%- for name, instance in instances.items() %}

project/cron/{{ name }}:
  {%- if instance.cron %}
  file.managed:
    - name: /etc/cron.d/kraftwerk-{{ name }}
    - source: salt://project/files/cron.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"instance": instance} | tojson }}
    - require:
      - pkg: node/package/installed
  {%- else %}
  file.absent:
    - name: /etc/cron.d/kraftwerk-{{ name }}
  {%- endif %}
{%- endfor %}
