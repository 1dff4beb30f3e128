include:
  - services.sqlite.package
  - services.sqlite.folder
