{%- from "python/map.jinja" import python with context %}

# Without a pip of its own, which takes 2 s to make: Debian's wheel of pip does as well.
python/uv/virtualenv:
  cmd.run:
    - name: python3 -m venv --without-pip {{ python.uv }}
    - creates: {{ python.uv }}/bin/python
    - require:
      - pkg: python/package/installed

python/uv/installed:
  cmd.run:
    - name: >-
        {{ python.uv }}/bin/python "$(ls /usr/share/python-wheels/pip-*.whl | tail -n 1)/pip"
        install --quiet '{{ python.uv_requirement }}'
    - creates: {{ python.uv }}/bin/uv
    - require:
      - cmd: python/uv/virtualenv
      - ini: python/config/pip
