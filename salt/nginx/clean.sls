{%- from "nginx/map.jinja" import nginx with context %}

# nginx itself and sites written by hand stay.
nginx/clean/config:
  file.absent:
    - name: {{ nginx.config }}

nginx/clean/sites:
  file.absent:
    - name: {{ nginx.sites }}

nginx/clean/stamp:
  file.absent:
    - name: {{ nginx.stamp }}

nginx/clean/reload:
  service.running:
    - name: nginx
    - reload: True
    - watch:
      - file: nginx/clean/config
      - file: nginx/clean/sites
