include:
  - services.mysql.package
  - services.mysql.config
  - services.mysql.access
  - services.mysql.database
