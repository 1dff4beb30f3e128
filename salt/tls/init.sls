include:
  - tls.package
  - tls.config
  - tls.timer
  - tls.clean
