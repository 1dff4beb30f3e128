{%- from "python/map.jinja" import python with context %}

# Only these keys are ours: what an admin wrote beside them in pip.conf stays.
python/config/pip:
  ini.options_present:
    - name: /etc/pip.conf
    - separator: '='
    - sections:
        global:
          cert: {{ python.certificates }}
          disable-pip-version-check: 'true'
          {%- if python.index_url %}
          index-url: {{ python.index_url | tojson }}
          {%- endif %}

python/config/uv:
  file.managed:
    - name: /etc/uv/uv.toml
    - source: salt://python/files/uv.toml.jinja
    - template: jinja
    - makedirs: True
    - mode: '0644'
    - show_diff: {{ "@" not in python.index_url }}
    - context:
        index_url: {{ python.index_url | tojson }}
