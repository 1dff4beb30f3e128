{%- from "project/map.jinja" import instances, removed, hosted with context %}
{%- set keepalive = "/etc/sysctl.d/60-kraftwerk-balancer.conf" %}
{%- set here = hosted.values() | selectattr("balancer.here") | list | length > 0 %}

include:
  - nginx
  - node.folder
{%- if here or salt["file.file_exists"](keepalive) %}
  {%- for name, instance in (instances.items() | list) + (removed.items() | list) %}

# A file for each of the other web nodes, as kraftwerk/remote/balance.sh writes them.
project/balancer/{{ name }}:
    {%- if instance.balancer.here and instance.present %}
  file.directory:
    - name: /var/lib/kraftwerk/balancer/{{ name }}
    - user: root
    - group: root
    - mode: '0700'
    - makedirs: True
    - require:
      - file: node/folder/var/lib/kraftwerk
    - require_in:
      - cmd: nginx/service/valid
    {%- else %}
  file.absent:
    - name: /var/lib/kraftwerk/balancer/{{ name }}
    - require:
      - cmd: nginx/service/loaded
    {%- endif %}
  {%- endfor %}

# A web node that loses its power while it is at work on an answer says nothing any more: it is asked whether it is there.
project/balancer/keepalive:
  {%- if here %}
  file.managed:
    - name: {{ keepalive }}
    - contents: |
        # Written by kraftwerk: a connection that is silent for 10 s is asked whether its other end is there.
        net.ipv4.tcp_keepalive_time = 10
        net.ipv4.tcp_keepalive_intvl = 2
        net.ipv4.tcp_keepalive_probes = 3
    - mode: '0644'

project/balancer/keepalive/loaded:
  cmd.run:
    - name: sysctl --quiet --load={{ keepalive }}
    - unless: test "$(cat /proc/sys/net/ipv4/tcp_keepalive_time)" = 10
    - onlyif: test -w /proc/sys/net/ipv4/tcp_keepalive_time
    - require:
      - file: project/balancer/keepalive
  {%- else %}
  file.absent:
    - name: {{ keepalive }}
  {%- endif %}
{%- endif %}
