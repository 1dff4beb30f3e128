{%- from "python/map.jinja" import python with context %}

# Debian's packages stay: others may use them by now.
python/clean/uv:
  file.absent:
    - name: {{ python.uv }}

python/clean/managed:
  file.absent:
    - name: {{ python.managed }}

python/clean/config:
  file.absent:
    - name: /etc/uv/uv.toml

python/clean/pip:
  ini.options_absent:
    - name: /etc/pip.conf
    - separator: '='
    - sections:
        global: [cert, disable-pip-version-check, index-url]
