{%- from "tls/map.jinja" import sites, plain, gone, moved with context %}

include:
  - nginx

# What no site wants any more, once nginx knows nothing of it.
{%- for name in plain + gone %}

tls/clean/{{ name }}:
  file.absent:
    - names:
      - /var/lib/kraftwerk/tls/{{ name }}
      - /etc/kraftwerk/tls/{{ name }}.conf
    - require:
      - cmd: nginx/service/loaded
{%- endfor %}
{%- if not sites %}

tls/clean/none:
  cmd.run:
    - name: |
        systemctl disable --quiet --now kraftwerk-tls.timer
        rm -rf /etc/systemd/system/kraftwerk-tls.* /etc/kraftwerk/tls /var/lib/kraftwerk/acme /var/lib/kraftwerk-acme
        {{ "true" if moved else "rm -rf /var/lib/kraftwerk/tls" }}
        systemctl daemon-reload
        ! systemctl --quiet is-failed kraftwerk-tls || systemctl reset-failed kraftwerk-tls
    - onlyif: test -e /etc/kraftwerk/tls{{ "" if moved else " -o -e /var/lib/kraftwerk/tls" }}
    - require:
      - cmd: nginx/service/loaded
{%- endif %}
