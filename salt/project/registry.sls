{%- from "project/map.jinja" import instances, registry with context %}
{%- from "services/map.jinja" import parts with context %}

include:
  - node.folder
  - python.managed

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
      {%- if instances[name].python != "3" %}{# else others' deploys would fail for it as well #}
      - cmd: python/managed/{{ instances[name].python }}
      {%- endif %}
{%- endfor %}

# Data of instances that run on other nodes.
{%- for name, part in parts.items() %}

project/registry/data/{{ name }}:
  file.serialize:
    - name: /var/lib/kraftwerk/data/{{ name }}.json
    - dataset: {{ part | tojson }}
    - serializer: json
    - user: root
    - group: root
    - mode: '0640'
    - require:
      - file: node/folder/var/lib/kraftwerk/data
{%- endfor %}
