{%- from "nginx/map.jinja" import nginx with context %}

nginx/config/sites:
  file.directory:
    - name: {{ nginx.sites }}
    - mode: '0755'
    - makedirs: True
    - require:
      - pkg: nginx/package/installed

nginx/config/kraftwerk.conf:
  file.managed:
    - name: {{ nginx.config }}
    - source: salt://nginx/files/kraftwerk.conf.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"options": nginx.options, "sites": nginx.sites} | tojson }}
    - require:
      - pkg: nginx/package/installed
