{%- from "project/map.jinja" import instances with context %}
{%- from "services/map.jinja" import parts with context %}

include:
  - node.folder

# Options of services, with what opens them: for the services' modules, by root alone.
{%- for name in ((instances | list) + (parts | list)) | unique %}

project/service/{{ name }}:
  {%- if name in instances or parts[name].present or "owner" not in parts[name].remove %}
  kw_service.managed:
    - name: {{ name }}
    - require:
      - file: node/folder/etc/kraftwerk/secrets
    {%- if name in instances %}
    - require_in:
      - kw_environ: project/env/{{ name }}
    {%- endif %}
  {%- else %}
  file.absent:
    - name: /etc/kraftwerk/secrets/{{ name }}
    - require:
      - file: node/folder/etc/kraftwerk/secrets
  {%- endif %}
{%- endfor %}
