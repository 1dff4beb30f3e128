{%- from "python/map.jinja" import python, wanted with context %}

include:
  - python.uv

# Versions of Python that projects ask for and that aren't Debian's: builds of their own, kept beside it.
# Not where one is there in any way; whoever installed it looks after it.
{%- for version in wanted %}

python/managed/{{ version }}:
  cmd.run:
    - name: {{ python.uv }}/bin/uv python install --no-progress {{ version }}
    - unless: python{{ version }} -c ''
    - umask: '022'
    - env:
        UV_PYTHON_DOWNLOADS: manual
        UV_PYTHON_INSTALL_DIR: {{ python.managed }}
        UV_PYTHON_BIN_DIR: /usr/local/bin
        {%- if python.mirror %}
        UV_PYTHON_INSTALL_MIRROR: {{ python.mirror | tojson }}
        {%- endif %}
        {%- if python.downloads %}
        UV_PYTHON_DOWNLOADS_JSON_URL: {{ python.downloads | tojson }}
        {%- endif %}
    - require:
      - cmd: python/uv/installed
{%- endfor %}
