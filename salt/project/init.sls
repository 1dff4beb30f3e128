include:
  - project.user
  - project.folder
  - project.env
  - project.web
  - project.process
  - project.cron
  - project.nginx
  - project.registry
  - project.clean
