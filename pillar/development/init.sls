# For nodes that may lose their data.
kraftwerk:
  settings: {}
    #postgres:
    #  options: {fsync: 'off', full_page_writes: 'off'}
