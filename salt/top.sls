# What every node gets. Which services a node needs follows from its instances (services/map.jinja).
base:
  '*':
    - node
    - python
    - nginx
    - runit
    - services
    - project
    - tls
    - cdn
    - backup
    - health
    - minion
