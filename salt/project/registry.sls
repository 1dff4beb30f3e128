{%- from "project/map.jinja" import instances, registry with context %}

include:
  - node.folder

# The truth about what this node hosts: another checkout reads it before it touches anything.
{%- for name in instances %}

project/registry/{{ name }}:
  file.serialize:
    - name: /var/lib/kraftwerk/instances/{{ name }}.json
    - dataset: {{ registry[name] | tojson }}
    - serializer: json
    - user: root
    - group: root
    - mode: '0640'
    - require:
      - file: node/folder/var/lib/kraftwerk/instances
{%- endfor %}
