include:
  - cdn.package
  - cdn.clean
