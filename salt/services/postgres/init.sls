include:
  - services.postgres.package
  - services.postgres.config
  - services.postgres.access
  - services.postgres.database
