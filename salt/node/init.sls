include:
  - node.package
  - node.user
  - node.folder
  - node.name
  - node.time
  - node.metadata
