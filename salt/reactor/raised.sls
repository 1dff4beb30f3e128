{# on: kraftwerk/node/*/raised #}
# Something is wrong with a node: kraftwerk mends it where it can, and tells what it was and what was done about it.
# An action of your own is one line more, such as `- run: /usr/local/sbin/make-room`, in a copy of this file.
reactor/raised:
  runner.kw_node.raised:
    - args:
{% for key in ("node", "problem", "detail", "advice", "since") %}
      - {{ key }}: {{ data[key] | json }}
{% endfor %}
