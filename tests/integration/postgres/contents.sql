-- All that a database holds, as text: rows, sequences, large objects, and what pg_dump doesn't print of the database itself.
SET timezone = 'UTC';
SET search_path = '';
SET statement_timeout = 0;
SELECT format('SELECT %L, t::text FROM ONLY %s AS t ORDER BY t::text COLLATE pg_catalog."C"', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind IN ('r', 'm') AND relpersistence <> 't' AND relispopulated
  AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^(pg_|information_schema)')
ORDER BY oid::regclass::text COLLATE "C" \gexec
SELECT format('SELECT %L, last_value, is_called FROM %s', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'S' ORDER BY oid::regclass::text COLLATE "C" \gexec
SELECT oid, pg_get_userbyid(lomowner), md5(lo_get(oid)), length(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1;
SELECT pg_encoding_to_char(encoding), datcollate, datctype, datlocprovider, shobj_description(oid, 'pg_database'), datacl
FROM pg_database WHERE datname = current_database();
SELECT pg_get_userbyid(setrole), setconfig FROM pg_db_role_setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1;
SELECT extname, nspname, extversion FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace ORDER BY 1;
