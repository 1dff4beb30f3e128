# For nodes that people use.
kraftwerk:
  settings: {}
    #postgres:
    #  options: {shared_buffers: 1GB, effective_cache_size: 3GB}
