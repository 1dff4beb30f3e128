include:
  - services.mysql.package
  - services.mysql.config
  - services.mysql.database
