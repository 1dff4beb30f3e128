include:
  - runit.package
  - runit.service
