include:
  - services.memcached.package
  - services.memcached.server
