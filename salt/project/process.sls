{%- from "project/map.jinja" import instances with context %}

include:
  - runit.package

# Workers, and the log of every process. A worker's service is linked and restarted by deploy, like the web slots.
{%- for name, instance in instances.items() %}
  {%- for unit, worker in instance.units.items() %}
    {%- set context = {"instance": instance, "unit": unit, "worker": worker} %}
    {%- for file, source in {"run": "process", "finish": "finish", "stop": "stop", "control/t": "control"}.items() %}

project/process/{{ name }}/{{ unit }}{{ "" if file == "run" else "/" ~ file }}:
  file.managed:
    - name: /etc/sv/{{ name }}-{{ unit }}/{{ file }}
    - source: salt://project/files/{{ source }}.jinja
    - template: jinja
    - mode: '{{ "0644" if file == "stop" else "0755" }}'
    - makedirs: True
    - context: {{ context | tojson }}
    - require:
      - pkg: runit/package/installed
    {%- endfor %}
  {%- endfor %}

  {%- for process in ["web-a", "web-b"] + (instance.units | list) %}

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
      {%- for process in ["web-a", "web-b"] + (instance.units | list) %}
      - {{ name }}-{{ process }}
      {%- endfor %}
    - require:
      - pkg: runit/package/installed
{%- endfor %}
