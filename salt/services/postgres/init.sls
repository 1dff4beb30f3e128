include:
  - services.postgres.package
  - services.postgres.config
  - services.postgres.database
