include:
  - python.package
  - python.config
  - python.uv
  - python.managed
