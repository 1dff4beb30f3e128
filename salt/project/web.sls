{%- from "project/map.jinja" import instances with context %}

include:
  - runit.package

# Two slots: the next release boots in the free one beside the live one. Which slots run is deploy's business:
# it links /etc/service/<instance>-web-<slot>. /run is empty after a boot, hence tmpfiles.d.
{%- for name, instance in instances.items() %}

project/web/{{ name }}/tmpfiles:
  file.managed:
    - name: /etc/tmpfiles.d/kraftwerk-{{ name }}.conf
    - contents: |
        # Written by kraftwerk: sockets of {{ name }}, which nginx may enter and other users may not.
        d /run/kraftwerk 0755 root root -
        d {{ instance.run }} 0750 {{ instance.user }} www-data -
        d {{ instance.run }}/ctl-a 0700 {{ instance.user }} {{ instance.user }} -
        d {{ instance.run }}/ctl-b 0700 {{ instance.user }} {{ instance.user }} -
    - mode: '0644'
    - makedirs: True
    - require:
      - user: project/user/{{ name }}

project/web/{{ name }}/run:
  cmd.run:
    - name: systemd-tmpfiles --create /etc/tmpfiles.d/kraftwerk-{{ name }}.conf
    - unless: test "$(stat -c '%U:%G:%a' {{ instance.run }})" = {{ instance.user }}:www-data:750 -a -d {{ instance.run }}/ctl-b
    - require:
      - file: project/web/{{ name }}/tmpfiles

  {%- for slot in ["a", "b"] %}

project/web/{{ name }}/{{ slot }}:
  file.managed:
    - names:
      - /etc/sv/{{ name }}-web-{{ slot }}/run:
        - source: salt://project/files/web.jinja
      - /etc/sv/{{ name }}-web-{{ slot }}/finish:
        - source: salt://project/files/webfinish.jinja
    - template: jinja
    - mode: '0755'
    - makedirs: True
    - context: {{ {"instance": instance, "slot": slot} | tojson }}
    - require:
      - pkg: runit/package/installed
  {%- endfor %}
{%- endfor %}
