{%- from "python/map.jinja" import python with context %}

python/uv/virtualenv:
  cmd.run:
    - name: python3 -m venv {{ python.uv }}
    - creates: {{ python.uv }}/bin/pip
    - require:
      - pkg: python/package/installed

python/uv/installed:
  cmd.run:
    - name: {{ python.uv }}/bin/pip install --quiet '{{ python.uv_requirement }}'
    - creates: {{ python.uv }}/bin/uv
    - require:
      - cmd: python/uv/virtualenv
      - ini: python/config/pip
