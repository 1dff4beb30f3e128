include:
  - backup.package
  - backup.program
  - backup.config
  - backup.cron
  - backup.clean
