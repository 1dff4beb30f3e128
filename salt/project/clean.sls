{%- from "project/map.jinja" import removed with context %}
{%- from "nginx/map.jinja" import nginx with context %}

include:
  - nginx

# Instances with `present: false` leave, as far as their `remove` says; data is the services' business.
# The registry keeps them until all is gone (kraftwerk/remote/gone.sh), so that what failed can be tried again.
{%- for name, instance in removed.items() %}
  {%- set debian = instance.nginx_site.layout == "debian" %}
  {%- if "processes" in instance.remove %}

project/clean/{{ name }}/processes:
  kw_runit.only:
    - name: {{ instance.root }}/exec

project/clean/{{ name }}/files:
  file.absent:
    - names:
      {%- if not (instance.moved or debian) %}{# else it passes requests on: kraftwerk/remote/moved.sh wrote it #}
      - {{ nginx.sites }}/{{ name }}.conf
      {%- endif %}
      - /etc/cron.d/kraftwerk-{{ name }}
      - /etc/kraftwerk/cron/{{ name }}
      - /var/lib/kraftwerk/cron/{{ name }}
      - /etc/tmpfiles.d/kraftwerk-{{ name }}.conf
    - require_in:
      - cmd: nginx/service/valid
      - sls: nginx.config

project/clean/{{ name }}/cache:
  file.absent:
    - name: {{ instance.cache }}
    - require:
      - cmd: nginx/service/loaded

# Only then: a gunicorn that misses its socket leaves its workers behind, which run on for half a minute.
project/clean/{{ name }}/run:
  file.absent:
    - name: {{ instance.run }}
    - require:
      - kw_runit: project/clean/{{ name }}/processes
  {%- endif %}
  {%- if "source" in instance.remove %}

project/clean/{{ name }}/source:
  file.absent:
    - names:
      {%- for path in ["current", "releases", "venvs", "earlier", "slots", "logs", "exec", "application", "maintenance"] %}
      - {{ instance.root }}/{{ path }}
      {%- endfor %}
      - {{ instance.log }}
      - /var/lib/kraftwerk/follow/{{ name }}
      - /var/lib/kraftwerk/follow/.{{ name }}
      - /var/log/nginx/{{ name }}.access.log
      - /var/log/nginx/{{ name }}.error.log
    {%- if "processes" in instance.remove %}
    - require:
      - kw_runit: project/clean/{{ name }}/processes
    {%- endif %}
  {%- endif %}
  {%- if "owner" in instance.remove %}

project/clean/{{ name }}/home:
  file.absent:
    - names:
      - {{ instance.root }}
      - /etc/kraftwerk/secrets/{{ name }}
    {%- if "processes" in instance.remove %}
    - require:
      - kw_runit: project/clean/{{ name }}/processes
    {%- endif %}

project/clean/{{ name }}/user:
  user.absent:
    - name: {{ instance.user }}
    - require:
      - file: project/clean/{{ name }}/home
  {%- endif %}
{%- endfor %}
