{%- from "tls/map.jinja" import tls, sites with context %}
{%- if sites %}

include:
  - node.folder

tls/config/folders:
  file.directory:
    - names:
      - /etc/kraftwerk/tls
      - /var/lib/kraftwerk/tls
      - /var/lib/kraftwerk/acme
    - user: root
    - group: root
    - mode: '0700'
    - require:
      - file: node/folder/etc/kraftwerk
      - file: node/folder/var/lib/kraftwerk

# nginx shows what root puts there, to the authority that asks for it.
tls/config/challenges:
  file.directory:
    - name: /var/lib/kraftwerk-acme
    - user: root
    - group: root
    - mode: '0755'

tls/config/acme:
  file.managed:
    - name: /etc/kraftwerk/tls/acme
    - source: salt://tls/files/acme.jinja
    - template: jinja
    - mode: '0600'
    - context: {{ {"tls": tls} | tojson }}
    - require:
      - file: tls/config/folders

tls/config/sites:
  file.managed:
    - name: /etc/kraftwerk/tls/sites
    - source: salt://tls/files/sites.jinja
    - template: jinja
    - mode: '0600'
    - context: {{ {"sites": sites} | tojson }}
    - require:
      - file: tls/config/folders
      - file: tls/config/acme

# The directive `http2` came with nginx 1.25.1; before, it was a word of `listen`.
  {%- set directive = grains.osfinger.startswith("Debian-") and grains.osfinger.split("-")[1] | int > 12 %}
  {%- for name in sites %}

tls/config/{{ name }}:
  file.managed:
    - name: /etc/kraftwerk/tls/{{ name }}.conf
    - source: salt://tls/files/server.jinja
    - template: jinja
    - mode: '0600'
    - context: {{ {"name": name, "ipv6": (grains.get("ipv6") or []) | length > 0, "directive": directive} | tojson }}
    - require:
      - file: tls/config/folders
  {%- endfor %}

tls/config/certify:
  file.managed:
    - name: /etc/kraftwerk/tls/certify
    - source: salt://tls/files/certify.sh
    - user: root
    - group: root
    - mode: '0700'
    - require:
      - pkg: tls/package/installed
      - file: tls/config/sites
      - file: tls/config/challenges
  {%- for name in sites %}
      - file: tls/config/{{ name }}
  {%- endfor %}
{%- endif %}
