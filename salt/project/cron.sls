{%- from "project/map.jinja" import instances with context %}

include:
  - node.package
  - node.folder
  - runit.package
{%- for name, instance in instances.items() %}
  {%- if instance.cron %}

# Root runs it, so it stands where nobody else writes: /web is the owner of the code's.
project/cron/{{ name }}/job:
  file.managed:
    - name: /etc/kraftwerk/cron/{{ name }}
    - source: salt://project/files/job.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0700'
    - context: {{ {"instance": instance} | tojson }}
    - require:
      - file: node/folder/etc/kraftwerk/cron

project/cron/{{ name }}/records:
  file.directory:
    - name: /var/lib/kraftwerk/cron/{{ name }}
    - mode: '0700'
    - require:
      - file: node/folder/var/lib/kraftwerk/cron
    {%- for job in instance.cron %}

project/cron/{{ name }}/{{ job }}/log:
  file.directory:
    - name: {{ instance.log }}/cron.{{ job }}
    - user: _runit-log
    - group: {{ instance.user }}
    - mode: '2750'
    - require:
      - pkg: runit/package/installed
      - file: project/folder/{{ name }}/log
    {%- endfor %}

project/cron/{{ name }}:
  file.managed:
    - name: /etc/cron.d/kraftwerk-{{ name }}
    - source: salt://project/files/cron.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"instance": instance} | tojson }}
    - require:
      - pkg: node/package/installed
      - file: project/cron/{{ name }}/job
      - file: project/cron/{{ name }}/records
  {%- else %}

project/cron/{{ name }}:
  file.absent:
    - names:
      - /etc/cron.d/kraftwerk-{{ name }}
      - /etc/kraftwerk/cron/{{ name }}
      - /var/lib/kraftwerk/cron/{{ name }}
  {%- endif %}
{%- endfor %}
