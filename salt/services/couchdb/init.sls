{%- from "services/couchdb/map.jinja" import couchdb_place with context %}

# A server elsewhere needs nothing here but curl and zstd, which every node has.
{%- if couchdb_place.server %}
include:
  - services.couchdb.package
  - services.couchdb.config
  - services.couchdb.database
{%- endif %}
