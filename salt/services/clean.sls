{%- from "services/map.jinja" import used, left with context %}

# Each service knows how to leave; data goes only as far as the instance's `remove` says.
{%- if used or left %}
include:
{%- for service in (used + left) | unique | sort %}
  - services.{{ service }}.clean
{%- endfor %}
{%- endif %}
