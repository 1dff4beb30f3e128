-- A rich data set, made by the project's own role: a bit of everything that PostgreSQL knows and pg_dump carries.
CREATE SCHEMA "Odd Schema";
COMMENT ON SCHEMA "Odd Schema" IS 'with; a ''quote''';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE "Odd Schema"."Pair" AS (a integer, b text);
CREATE DOMAIN postcode AS text CHECK (VALUE ~ '^\d{5}$');
CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);

CREATE FUNCTION double(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE FUNCTION "Odd Schema"."Say;"(words text DEFAULT '$$;--') RETURNS text LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog AS $body$ BEGIN RETURN 'said: ' || words; END $body$;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CREATE AGGREGATE product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = 1);
CREATE FUNCTION same(a mood, b mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT a = b';
CREATE OPERATOR public.=== (LEFTARG = mood, RIGHTARG = mood, FUNCTION = same);

CREATE TABLE people (
  id integer GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY,
  name text COLLATE german NOT NULL,
  email public.citext UNIQUE,
  feeling mood DEFAULT 'ok',
  plz postcode,
  born date,
  seen timestamptz DEFAULT now(),
  local timestamp,
  at time with time zone,
  took interval,
  photo bytea,
  doc jsonb,
  raw json,
  mark xml,
  tags text[],
  grid integer[][],
  kv ext.hstore,
  address inet,
  place point,
  shape polygon,
  bits bit varying(10),
  price numeric(20, 10),
  ratio double precision,
  money_ money,
  whole span,
  token uuid DEFAULT public.uuid_generate_v4(),
  words tsvector GENERATED ALWAYS AS (to_tsvector('german', name)) STORED,
  twice integer GENERATED ALWAYS AS (double(3)) STORED,
  "Pair" "Odd Schema"."Pair",
  CONSTRAINT grown CHECK (born < '2100-01-01')
);
COMMENT ON COLUMN people.name IS 'ä comment; with "quotes" and ''more''';
INSERT INTO people (name, email, feeling, plz, born, seen, local, at, took, photo, doc, raw, mark, tags, grid, kv, address,
  place, shape, bits, price, ratio, money_, whole, "Pair")
SELECT 'Änne ' || n || E'\t\\N\n' || chr(128512), 'A' || n || '@Example.com', (ARRAY['sad', 'ok', 'happy']::mood[])[n % 3 + 1],
  lpad(n::text, 5, '0'), date '1900-01-01' + n, timestamptz '2026-03-29 02:30:00+01' + n * interval '17 minutes 3.123456 s',
  timestamp '0044-03-15 BC' + n * interval '1 day', '04:05:06.789-08', make_interval(years => n, secs => 0.5),
  ext.digest(n::text, 'sha512'), jsonb_build_object('n', n, 'nested', jsonb_build_array(null, 1.50, 'ü')), '{"b":1,  "a":2}',
  '<a b="c">ü</a>', ARRAY['a,b', '{}', NULL, '"'], ARRAY[[n, 2], [3, 4]], ext.hstore('k "' || n, NULL), '2001:db8::/64',
  point(n, -0.1), '((0,0),(1,1),(2,0))', (n % 8)::bit(3)::varbit, n / 7.0, CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity'
  ELSE n / 3.0 END, n, span(n, n + 0.5), ROW (n, 'x')::"Odd Schema"."Pair"
FROM generate_series(1, 300) AS n;
CREATE INDEX people_lower ON people (lower(name)) WHERE feeling <> 'sad';
CREATE INDEX people_trgm ON people USING gin (name public.gin_trgm_ops) WITH (fastupdate = off);
CREATE INDEX people_include ON people (plz) INCLUDE (name);
CREATE UNIQUE INDEX people_blind ON people (name COLLATE blind);
CREATE STATISTICS people_stats (dependencies) ON plz, born FROM people;
ALTER TABLE people ALTER COLUMN photo SET STORAGE EXTERNAL, ALTER COLUMN name SET STATISTICS 500;
ALTER TABLE people CLUSTER ON people_pkey, REPLICA IDENTITY FULL;

CREATE SEQUENCE invoice INCREMENT BY -7 MINVALUE -9000 MAXVALUE 5000 START 5000 CACHE 3 CYCLE;
SELECT nextval('invoice'), nextval('invoice');
CREATE SEQUENCE untouched START 42;
CREATE TABLE "Odd Schema"."Table; DROP" (
  "id;" bigserial PRIMARY KEY,
  "a ""b""" integer REFERENCES people DEFERRABLE INITIALLY DEFERRED,
  "new
line" text
);
INSERT INTO "Odd Schema"."Table; DROP" ("a ""b""", "new
line") SELECT id, repeat('x', id) FROM people;
SELECT setval('"Odd Schema"."Table; DROP_id;_seq"', 7777, false);
CREATE TABLE booking (room integer, during tstzrange, EXCLUDE USING gist (room WITH =, during WITH &&));
INSERT INTO booking VALUES (1, '[2026-01-01 10:00+00,2026-01-01 11:00+00)'), (2, 'empty');

CREATE TABLE measure (at timestamptz NOT NULL, value real, kind text) PARTITION BY RANGE (at);
CREATE TABLE measure_2025 PARTITION OF measure FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE measure_2026 PARTITION OF measure FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
CREATE TABLE measure_2026_a PARTITION OF measure_2026 FOR VALUES IN ('a');
CREATE TABLE measure_rest PARTITION OF measure DEFAULT;
CREATE TABLE measure_2026_other PARTITION OF measure_2026 DEFAULT;
CREATE INDEX measure_at ON measure (at);
INSERT INTO measure SELECT timestamptz '2024-11-01' + n * interval '1 day', n, (ARRAY['a', 'b'])[n % 2 + 1]
  FROM generate_series(1, 500) AS n;
CREATE TABLE parent (id serial PRIMARY KEY, what text);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent (what) VALUES ('p');
INSERT INTO child (what, more) VALUES ('c', 'm');
CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value text);
INSERT INTO cache VALUES ('k', 'v');
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE typed OF "Odd Schema"."Pair" (a PRIMARY KEY);
INSERT INTO typed VALUES (1, 'one');

CREATE VIEW happy WITH (security_barrier) AS SELECT id, name FROM people WHERE feeling = 'happy' WITH LOCAL CHECK OPTION;
CREATE RECURSIVE VIEW counting (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM counting WHERE n < 5;
CREATE MATERIALIZED VIEW by_mood AS SELECT feeling, count(*) FROM people GROUP BY 1;
CREATE UNIQUE INDEX by_mood_key ON by_mood (feeling);
CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
CREATE RULE redirect AS ON INSERT TO happy DO INSTEAD INSERT INTO people (name) VALUES (NEW.name || ';');
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := now(); RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE OF name ON people FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION stamp();
CREATE TRIGGER off AFTER DELETE ON people FOR EACH STATEMENT EXECUTE FUNCTION stamp();
ALTER TABLE people DISABLE TRIGGER off;

CREATE TABLE secretive (id integer PRIMARY KEY, owner text);
INSERT INTO secretive VALUES (1, 'a'), (2, 'b');
ALTER TABLE secretive ENABLE ROW LEVEL SECURITY;
ALTER TABLE secretive FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secretive AS RESTRICTIVE FOR SELECT TO :"role" USING (owner = CURRENT_USER OR owner IN ('TO x', ';'));
CREATE POLICY theirs ON secretive FOR SELECT TO reader USING (id = 1);
CREATE POLICY everybody ON secretive USING (true) WITH CHECK (id > 0);

GRANT SELECT (id, name), UPDATE (name) ON people TO reader;
GRANT SELECT ON happy TO reader WITH GRANT OPTION;
GRANT USAGE ON SCHEMA "Odd Schema" TO reader, "odd ""Role";
GRANT EXECUTE ON FUNCTION "Odd Schema"."Say;"(text) TO "odd ""Role";
REVOKE EXECUTE ON FUNCTION double(integer) FROM PUBLIC;
GRANT ALL ON SEQUENCE invoice TO reader;
REVOKE TRUNCATE ON TABLE booking FROM :"role";
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

SELECT lo_from_bytea(4711, decode(repeat('00ff10', 50000), 'hex'));
SELECT lo_from_bytea(4712, '');
COMMENT ON LARGE OBJECT 4711 IS 'a big one';
GRANT SELECT ON LARGE OBJECT 4711 TO reader;

CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING FOR word WITH public.unaccent, simple;
CREATE PUBLICATION a_few FOR TABLE people (id, name), parent WITH (publish = 'insert');
CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.2', dbname 'x');
CREATE USER MAPPING FOR :"role" SERVER remote OPTIONS (user 'u', password 'it''s; "secret"');
CREATE FOREIGN TABLE far (id integer) SERVER remote;
