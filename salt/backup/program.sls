{%- from "backup/map.jinja" import program, folder with context %}

# The same modules that this run was sent: cron starts them without Salt.
{%- if program %}
backup/program/modules:
  kw_program.present:
    - name: {{ folder }}
{%- else %}
backup/program/none:
  file.absent:
    - name: {{ folder }}
{%- endif %}
