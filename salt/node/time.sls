{%- from "node/map.jinja" import node with context %}

# A container has its host's clock; another time daemon than ours stays.
{%- set wanted = [
  "! systemd-detect-virt --quiet --container",
  "! dpkg-query --show --showformat='${db:Status-Status}\\n' " ~ node.timesync_others | join(" ")
    ~ " 2>/dev/null | grep -qx installed",
] %}

node/time/package:
  pkg.installed:
    - name: {{ node.timesync }}
    - onlyif: {{ wanted | tojson }}

node/time/service:
  service.running:
    - name: {{ node.timesync }}
    - enable: True
    - onlyif: {{ wanted | tojson }}
    - require:
      - pkg: node/time/package
