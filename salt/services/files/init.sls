include:
  - services.files.folder
