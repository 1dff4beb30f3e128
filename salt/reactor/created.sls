{# on: salt/cloud/*/created #}
# salt-cloud has made a node: it gets all that the states model.
reactor/created:
  runner.kw_highstate.converge:
    - args:
      - node: {{ data["name"] | json }}
