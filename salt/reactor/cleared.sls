{# on: kraftwerk/node/*/cleared #}
# A problem that was told of is over.
reactor/cleared:
  runner.kw_alert.cleared:
    - args:
{% for key in ("node", "problem", "detail", "since") %}
      - {{ key }}: {{ data[key] | json }}
{% endfor %}
