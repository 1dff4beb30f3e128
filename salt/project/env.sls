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
    - static_root: {{ instance.static.get(instance.static_url, "") | tojson }}
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
    - context: {{ {"root": instance.root, "user": instance.user, "name": name} | tojson }}
    - require:
      - file: project/env/{{ name }}/application

# What of a release is served, and where in it; each keeps what it was deployed with (kraftwerk/remote/configure.sh).
project/env/{{ name }}/application:
  file.managed:
    - name: {{ instance.root }}/application
    - contents: |
        # Written by kraftwerk.
        kraftwerk_source={{ instance.src | quote }}
        kraftwerk_callable={{ instance.callable | quote }}
        kraftwerk_worker={{ "uvicorn_worker.UvicornWorker" if instance.asgi else "" }}
    - user: root
    - group: root
    - mode: '0644'
    - require:
      - file: project/folder/{{ name }}
{%- endfor %}
