{%- from "services/redis/map.jinja" import redis_place with context %}
{%- from "project/map.jinja" import instances with context %}

include:
  - project
{%- for name, one in redis_place.here.items() %}
  {%- if not one.local %}

services/redis/server/{{ name }}/user:
  user.present:
    - name: {{ one.keeper }}
    - home: /nonexistent
    - createhome: False
    - system: True
    - usergroup: True
    - shell: /usr/sbin/nologin
    - fullname: redis of {{ name }} of kraftwerk
    - require_in:
      - kw_service: services/redis/server/{{ name }}
  {%- endif %}

services/redis/server/{{ name }}:
  kw_service.present:
    - name: {{ name }}
    - service: redis
    - require:
      - pkg: services/redis/package/installed
      - service: services/redis/unit/enabled
      - kw_service: project/service/{{ name }}
    {%- if one.local %}
      - user: project/user/{{ name }}
    - require_in:
      - kw_environ: project/env/{{ name }}

# Once other nodes use a server, its own site needs a password, too; once they don't, it has none. It is told so.
services/redis/server/{{ name }}/told:
  cmd.run:
    - name: >-
        for each in web-a web-b {{ instances[name].units | join(" ") }}; do
        test ! -L "/etc/service/{{ name }}-$each" || sv -w 30 restart "/etc/service/{{ name }}-$each"; done;
        rm /var/lib/redis-{{ name }}/outdated
    - onlyif: test -e /var/lib/redis-{{ name }}/outdated
    - require:
      - kw_environ: project/env/{{ name }}
    {%- endif %}
  {%- if one.clients %}

# Who removed all rules by hand removed these, too.
services/redis/server/{{ name }}/rules:
  cmd.run:
    - name: nft --file /var/lib/redis-{{ name }}/clients.nft
    - unless: nft list table inet kraftwerk_redis_{{ name | replace("-", "_") }}
    - require:
      - kw_service: services/redis/server/{{ name }}
  {%- endif %}
{%- endfor %}
