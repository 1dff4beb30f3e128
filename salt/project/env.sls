{%- from "project/map.jinja" import instances with context %}
{%- for name, instance in instances.items() %}

# The environment of web, workers, cron and one-off commands; its secrets are made on the node and stay there.
project/env/{{ name }}:
  kw_environ.managed:
    - name: {{ instance.root }}/env
    - instance: {{ name }}
    - services: {{ instance.services | tojson }}
    - environ: {{ instance.environ | tojson }}
    - hosts: {{ (instance.domains + instance.aliases) | tojson }}
    - static_root: {{ (instance.static.values() | first | default("")) | tojson }}
    {%- if instance.cdn %}
    - urls: {{ instance.urls | tojson }}
    {%- endif %}
    - group: {{ instance.user }}
    - require:
      - file: project/folder/{{ name }}

project/env/{{ name }}/exec:
  file.managed:
    - name: {{ instance.root }}/exec
    - source: salt://project/files/exec.jinja
    - template: jinja
    - user: root
    - group: root
    - mode: '0755'
    - context: {{ {"root": instance.root, "user": instance.user, "src": instance.src, "name": name} | tojson }}
    - require:
      - file: project/folder/{{ name }}
{%- endfor %}
