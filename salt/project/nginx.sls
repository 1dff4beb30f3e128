{%- from "project/map.jinja" import instances with context %}
{%- from "nginx/map.jinja" import nginx with context %}

include:
  - nginx
{%- for name, instance in instances.items() %}

  {%- set debian = instance.nginx_site.layout == "debian" %}

project/nginx/{{ name }}:
  file.managed:
    - name: {{ nginx.memory ~ "/" ~ name ~ "/wanted" if debian else nginx.sites ~ "/" ~ name ~ ".conf" }}
    - source: salt://project/files/nginx.jinja
    - template: jinja
    - mode: '0644'
    - makedirs: {{ debian }}
    - context: {{ {"instance": instance, "ipv6": (grains.get("ipv6") or []) | length > 0} | tojson }}
    - require:
      - {{ "pkg: nginx/package/installed" if debian else "file: nginx/config/sites" }}
    - require_in:
      - cmd: nginx/service/valid

# Pages that nginx keeps. It must know nothing of the folder any more when that goes.
project/nginx/{{ name }}/cache:
  {%- if instance.caching.pages %}
  file.directory:
    - name: {{ instance.cache }}
    - user: www-data
    - group: root
    - mode: '0700'
    - makedirs: True
    - require:
      - pkg: nginx/package/installed
    - require_in:
      - cmd: nginx/service/valid
  {%- else %}
  file.absent:
    - name: {{ instance.cache }}
    - require:
      - cmd: nginx/service/loaded
  {%- endif %}

# nginx itself would make them readable to everybody. Links that reset passwords stand in them.
  {%- for kind in ["access", "error"] %}

project/nginx/{{ name }}/{{ kind }}:
  file.managed:
    - name: /var/log/nginx/{{ name }}.{{ kind }}.log
    - user: www-data
    - group: adm
    - mode: '0640'
    - replace: False
    - require:
      - pkg: nginx/package/installed
    - require_in:
      - cmd: nginx/service/valid
  {%- endfor %}
{%- endfor %}
