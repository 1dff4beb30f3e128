{%- from "minion/map.jinja" import minion with context %}
{%- from "python/map.jinja" import python with context %}

include:
  - node.folder
  - python.uv

minion/package/virtualenv:
  cmd.run:
    - name: {{ python.uv }}/bin/uv venv --quiet --clear --python python3 {{ minion.virtualenv }}
    - creates: {{ minion.virtualenv }}/bin/python
    - require:
      - cmd: python/uv/installed
      - file: node/folder/opt/kraftwerk

# The mark comes last: what was interrupted is done again.
minion/package/salt:
  cmd.run:
    - name: >-
        {{ python.uv }}/bin/uv pip install --quiet --no-cache --python {{ minion.virtualenv }}/bin/python
        --override - 'salt=={{ minion.version }}' &&
        rm -f {{ minion.virtualenv }}/salt-* && touch {{ minion.virtualenv }}/salt-{{ minion.version }}
    - stdin: {{ minion.overrides | join("\n") | tojson }}
    - creates: {{ minion.virtualenv }}/salt-{{ minion.version }}
    - require:
      - cmd: minion/package/virtualenv
      - file: python/config/uv
