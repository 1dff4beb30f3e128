{%- from "project/map.jinja" import instances with context %}

include:
  - runit.package

# Workers, and the log of every process. A worker's service is linked and restarted by deploy, like the web slots.
{%- for name, instance in instances.items() %}
  {%- for process, command in instance.processes.items() %}

project/process/{{ name }}/{{ process }}:
  file.managed:
    - name: /etc/sv/{{ name }}-{{ process }}/run
    - source: salt://project/files/process.jinja
    - template: jinja
    - mode: '0755'
    - makedirs: True
    - context: {{ {"instance": instance, "process": process, "command": command} | tojson }}
    - require:
      - pkg: runit/package/installed

project/process/{{ name }}/{{ process }}/finish:
  file.managed:
    - name: /etc/sv/{{ name }}-{{ process }}/finish
    - source: salt://project/files/finish.jinja
    - template: jinja
    - mode: '0755'
    - makedirs: True
    - context: {{ {"instance": instance, "process": process} | tojson }}
    - require:
      - pkg: runit/package/installed

# Huey drops its tasks when it is told to end as all others are (TERM), and finishes them when it is interrupted.
project/process/{{ name }}/{{ process }}/control:
    {%- if "huey" in command %}
  file.managed:
    - name: /etc/sv/{{ name }}-{{ process }}/control/t
    - source: salt://project/files/interrupt.sh
    - mode: '0755'
    - makedirs: True
    {%- else %}
  file.absent:
    - name: /etc/sv/{{ name }}-{{ process }}/control
    {%- endif %}
  {%- endfor %}

  {%- for process in ["web-a", "web-b"] + (instance.processes | list) %}

project/process/{{ name }}/{{ process }}/log:
  file.managed:
    - name: /etc/sv/{{ name }}-{{ process }}/log/run
    - source: salt://project/files/log.jinja
    - template: jinja
    - mode: '0755'
    - makedirs: True
    - context: {{ {"folder": instance.log ~ "/" ~ process} | tojson }}
    - require:
      - pkg: runit/package/installed

project/process/{{ name }}/{{ process }}/log/folder:
  file.directory:
    - name: {{ instance.log }}/{{ process }}
    - user: _runit-log
    - group: {{ instance.user }}
    - mode: '2750'
    - require:
      - pkg: runit/package/installed
      - file: project/folder/{{ name }}/log
  {%- endfor %}

# What kraftwerk.yaml doesn't name any more stops and goes.
project/process/{{ name }}/only:
  kw_runit.only:
    - name: {{ instance.root }}/exec
    - keep:
      {%- for process in ["web-a", "web-b"] + (instance.processes | list) %}
      - {{ name }}-{{ process }}
      {%- endfor %}
    - require:
      - pkg: runit/package/installed
{%- endfor %}
