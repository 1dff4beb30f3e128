{%- from "project/map.jinja" import removed with context %}

# Data of an instance on its way out, as far as its `remove` says. The server stays: other instances may use it.
{%- for name, instance in removed.items() if "postgres" in instance.services %}

services/postgres/clean/{{ name }}:
  kw_postgres.absent:
    - name: {{ name }}
    - what: {{ instance.remove | tojson }}
{%- endfor %}
