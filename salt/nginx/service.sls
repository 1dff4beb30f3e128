{%- from "nginx/map.jinja" import nginx with context %}

# Fails, with nginx's own words, when any site is wrong: then nothing is reloaded and nginx serves on as before.
nginx/service/valid:
  cmd.run:
    - name: nginx -t
    - unless: nginx -t -q
    - require:
      - pkg: nginx/package/installed
      - file: nginx/config/kraftwerk.conf

nginx/service/running:
  service.running:
    - name: nginx
    - enable: True
    - reload: True
    - require:
      - cmd: nginx/service/valid
