{%- from "project/map.jinja" import own with context %}

# salt/<project>/init.sls in a project's folder: states of its own, for what its instances need beside all this.
{%- if own %}
include:
{%- for state in own %}
  - {{ state }}
{%- endfor %}
{%- endif %}
