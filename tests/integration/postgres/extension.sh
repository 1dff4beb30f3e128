# An extension of our own with a table that a dump holds rows of, as PostGIS and others have.
folder=$(echo /usr/share/postgresql/*/extension)
cat >"$folder/kwtest.control" <<'END'
default_version = '1'
relocatable = false
schema = public
END
cat >"$folder/kwtest--1.sql" <<'END'
CREATE TABLE kwtest_settings (name text PRIMARY KEY, mine boolean NOT NULL, id serial);
INSERT INTO kwtest_settings VALUES ('shipped', false);
SELECT pg_catalog.pg_extension_config_dump('kwtest_settings', 'WHERE mine');
SELECT pg_catalog.pg_extension_config_dump('kwtest_settings_id_seq', '');
END
