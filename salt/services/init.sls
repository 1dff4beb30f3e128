{%- from "services/map.jinja" import used, left with context %}

include:
  - project.user
  - services.clients
{%- for service in used %}
  - services.{{ service }}
{%- endfor %}
{%- for service in left %}
  - services.{{ service }}.clean
{%- endfor %}
