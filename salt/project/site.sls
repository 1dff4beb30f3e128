{%- from "project/map.jinja" import instances, removed with context %}
{%- from "nginx/map.jinja" import nginx with context %}

include:
  - nginx

# Sites in sites-available. What the owner of nginx changed there by hand stays (_modules/kw_nginx.py).
{%- for name, instance in instances.items() %}
  {%- if instance.nginx_site.layout == "debian" %}

project/site/{{ name }}:
  kw_nginx.present:
    - name: {{ name }}
    - source: {{ nginx.memory }}/{{ name }}/wanted
    - default_server: {{ instance.nginx_site.default_server }}
    - replaces: {{ instance.nginx_site.replaces | tojson }}
    - require:
      - file: project/nginx/{{ name }}
      {%- if instance.caching.pages %}
      - file: project/nginx/{{ name }}/cache
      {%- endif %}
      - file: project/nginx/{{ name }}/access
      - file: project/nginx/{{ name }}/error
    - require_in:
      - cmd: nginx/service/valid

project/site/{{ name }}/other:
  file.absent:
    - name: {{ nginx.sites }}/{{ name }}.conf
    - require_in:
      - sls: nginx.config
  {%- elif salt["kw_nginx.remembered"](name) %}

project/site/{{ name }}/other:
  kw_nginx.absent:
    - name: {{ name }}
    - require_in:
      - cmd: nginx/service/valid
  {%- endif %}
{%- endfor %}

# Where nginx refuses what would be left, nothing else of the site goes either.
{%- for name, instance in removed.items() if instance.nginx_site.layout == "debian" and "processes" in instance.remove %}

project/site/{{ name }}:
  kw_nginx.absent:
    - name: {{ name }}
    - require_in:
      - cmd: nginx/service/valid
      - kw_runit: project/clean/{{ name }}/processes
{%- endfor %}
