# Secrets and the registry of instances are root's; logs are opened per instance by the project states.
{%- for path, mode in {
  "/etc/kraftwerk": "0755",
  "/etc/kraftwerk/secrets": "0700",
  "/etc/kraftwerk/cron": "0755",
  "/opt/kraftwerk": "0755",
  "/var/lib/kraftwerk": "0750",
  "/var/lib/kraftwerk/instances": "0750",
  "/var/lib/kraftwerk/data": "0750",
  "/var/lib/kraftwerk/cron": "0700",
  "/var/log/kraftwerk": "0755",
}.items() %}

node/folder{{ path }}:
  file.directory:
    - name: {{ path }}
    - user: root
    - group: root
    - mode: '{{ mode }}'
{%- endfor %}
