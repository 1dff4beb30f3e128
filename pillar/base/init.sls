# For all nodes. Every key that stands in a defaults.yaml of salt/ can be set here, below the name of its folder.
kraftwerk:
  settings: {}
    #nginx:
    #  options: {server_names_hash_bucket_size: null}    # where another file sets it already
    #python:
    #  uv_requirement: uv==0.9.5
    #node:
    #  timesync: chrony
    #project:                           # what holds for sites that don't say it themselves
    #  upload_limit: 20m
    #  caching: {static: 1h}
