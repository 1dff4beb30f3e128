{%- from "nginx/map.jinja" import nginx with context %}
{%- from "project/map.jinja" import hosted, removed with context %}

# Sites in sites-available (nginx_site.layout: debian) need none of it; but long names need room that is nginx's own.
{%- set names, needed = [], [] %}
{%- for instance in hosted.values() %}
  {%- do names.extend(instance.domains + instance.aliases) %}
  {%- do needed.append(instance.nginx_site.layout != "debian") %}
{%- endfor %}
{%- for instance in removed.values() %}
  {%- do needed.append(instance.moved != "" and instance.nginx_site.layout != "debian") %}
{%- endfor %}
{%- if true in needed or names | map("length") | select("gt", nginx.usual_length) | list %}

# nginx takes each of them once only: what its owner sets himself is his.
  {%- set options = {} %}
  {%- for option, value in nginx.options.items() %}
    {%- set set_in = salt["kw_nginxconf.directives"](option, ["http"]) | map(attribute="file") | list %}
    {%- do options.update({option: value if not set_in or nginx.config in set_in else none}) %}
  {%- endfor %}

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
    - context: {{ {"options": options, "sites": nginx.sites} | tojson }}
    - require:
      - pkg: nginx/package/installed
{%- else %}

# Nothing of kraftwerk's is left in nginx then. What nginx has loaded is as old as the stamp, which goes first.
nginx/config/none:
  cmd.run:
    - name: |
        rm -f {{ nginx.stamp }} {{ nginx.config }}
        test ! -d {{ nginx.sites }} || rmdir --ignore-fail-on-non-empty {{ nginx.sites }}
    - onlyif: test -e {{ nginx.config }} && ! ls {{ nginx.sites }}/*.conf
    - require_in:
      - cmd: nginx/service/valid
{%- endif %}
