{# on: kraftwerk/deploy/*/failed kraftwerk/highstate/*/failed #}
# A push was not deployed, or a new node not converged: somebody is told, with the last lines of what it said.
{% if tag.startswith("kraftwerk/deploy/") %}
{% set title = data["project"] ~ " was not deployed to " ~ data["environment"] ~ " (" ~ data["commit"][:8] ~ ")" %}
{% set live = "The release that was live serves on." %}
{% else %}
{% set title = data["node"] ~ " was not converged" %}
{% set live = "Next: kraftwerk highstate " ~ data["node"] %}
{% endif %}
reactor/failed:
  runner.kw_alert.send:
    - args:
      - title: {{ ("[kraftwerk] " ~ title) | json }}
      - body: {{ (data["reason"] ~ "\n" ~ live) | json }}
