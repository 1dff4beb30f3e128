# Pillar of nodes: what belongs to a server and not to one project on it. (A project's own configuration is its pillar/<environment>.sls.)
# To change it, copy this file and those that it names into the pillar/ folder of your own configuration: the same path wins.
base:
  '*':
    - base
  # Nodes by name; what comes later wins.
  #'*-dev': [development]
  #'*-staging': [staging]
  #'web*': [production]
