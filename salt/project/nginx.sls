{%- from "project/map.jinja" import instances with context %}
{%- from "nginx/map.jinja" import nginx with context %}

include:
  - nginx
{%- for name, instance in instances.items() %}

project/nginx/{{ name }}:
  file.managed:
    - name: {{ nginx.sites }}/{{ name }}.conf
    - source: salt://project/files/nginx.jinja
    - template: jinja
    - mode: '0644'
    - context: {{ {"instance": instance, "ipv6": (grains.get("ipv6") or []) | length > 0} | tojson }}
    - require:
      - file: nginx/config/sites
    - require_in:
      - cmd: nginx/service/valid
{%- endfor %}
