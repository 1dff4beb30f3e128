# For nodes that look like production and are smaller.
kraftwerk:
  settings: {}
    #postgres:
    #  options: {shared_buffers: 128MB}
