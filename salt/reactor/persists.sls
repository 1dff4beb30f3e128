{# on: kraftwerk/node/*/persists #}
# It is still there after 10, 20, 40 … minutes: tried again, as often as the limit allows, and not told a second time.
reactor/persists:
  runner.kw_node.persists:
    - args:
      - node: {{ data["node"] | json }}
      - problem: {{ data["problem"] | json }}
