{%- from "project/map.jinja" import instances with context %}

# One system user per instance: a hole in one site reads neither code, nor env, uploads or database of another.
{%- for name, instance in instances.items() %}

project/user/{{ name }}:
  user.present:
    - name: {{ instance.user }}
    - home: {{ instance.root }}
    - createhome: False
    - system: True
    - usergroup: True
    - shell: /usr/sbin/nologin
    - fullname: {{ name }} of kraftwerk
{%- endfor %}
