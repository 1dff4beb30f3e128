{%- from "nginx/map.jinja" import nginx with context %}

include:
  - node.folder

# Fails, with nginx's own words, when any site is wrong: then nothing is reloaded and nginx serves on as before.
nginx/service/valid:
  cmd.run:
    - name: nginx -t
    - unless: nginx -t -q
    - require:
      - pkg: nginx/package/installed
      - sls: nginx.config

nginx/service/running:
  service.running:
    - name: nginx
    - enable: True
    - require:
      - cmd: nginx/service/valid

# Not by watch: a configuration that couldn't be loaded in one run must be loaded in the next, though nothing changes then.
nginx/service/loaded:
  cmd.run:
    - name: systemctl reload nginx && touch {{ nginx.stamp }}
    - unless: test -e {{ nginx.stamp }} && test -z "$(find {{ nginx.config }} {{ nginx.sites }} -newer {{ nginx.stamp }})"
    - require:
      - service: nginx/service/running
      - file: node/folder/var/lib/kraftwerk
