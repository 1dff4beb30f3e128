{%- from "project/map.jinja" import instances with context %}
{%- from "node/map.jinja" import node with context %}

include:
  - node.user
  - node.package
  - node.folder
{%- for name, instance in instances.items() %}

project/folder/{{ name }}:
  file.directory:
    - name: {{ instance.root }}
    - user: {{ node.user }}
    - group: {{ instance.user }}
    - mode: '0750'
    - require:
      - user: node/user/web
      - user: project/user/{{ name }}

# nginx passes through to static files and uploads, and can't list or read anything else: env stays closed to it.
project/folder/{{ name }}/nginx:
  cmd.run:
    - name: setfacl --modify user:www-data:--x {{ instance.root }}
    - unless: getfacl --omit-header --absolute-names {{ instance.root }} | grep -qx user:www-data:--x
    - require:
      - file: project/folder/{{ name }}
      - pkg: node/package/installed

  {%- for folder, mode in {"releases": "0755", "venvs": "0755", "slots": "0755", "dump": "0700"}.items() %}

project/folder/{{ name }}/{{ folder }}:
  file.directory:
    - name: {{ instance.root }}/{{ folder }}
    - user: {{ node.user if folder in ("releases", "venvs") else "root" }}
    - group: {{ node.user if folder in ("releases", "venvs") else "root" }}
    - mode: '{{ mode }}'
    - require:
      - file: project/folder/{{ name }}
  {%- endfor %}

project/folder/{{ name }}/log:
  file.directory:
    - name: {{ instance.log }}
    - user: root
    - group: {{ instance.user }}
    - mode: '0751'
    - require:
      - user: project/user/{{ name }}

project/folder/{{ name }}/logs:
  file.symlink:
    - name: {{ instance.root }}/logs
    - target: {{ instance.log }}
    - require:
      - file: project/folder/{{ name }}
{%- endfor %}
