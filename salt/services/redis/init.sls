include:
  - services.redis.package
  - services.redis.unit
  - services.redis.server
