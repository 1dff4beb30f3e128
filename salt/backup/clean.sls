{%- from "project/map.jinja" import removed with context %}

# Who leaves is not backed up any more. Points stay where they are: they may be all that is left.
{%- for name, instance in removed.items() if "processes" in instance.remove %}

backup/clean/{{ name }}:
  file.absent:
    - names:
      - /etc/cron.d/kraftwerk-backup-{{ name }}
      - /etc/kraftwerk/backup/{{ name }}.json
      - /var/lib/kraftwerk/backups/{{ name }}.json
{%- endfor %}
