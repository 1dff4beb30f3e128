"""Databases of SQLite on a node with a bit of everything in them, and all that they hold, as text."""

FOLDER = "/web/rich/sqlite"
FILL = f"""
cd {FOLDER} && rm -rf ./* && mkdir 'old ones' && echo mine >note.txt
sqlite3 db.sqlite3 >/dev/null <<'END'
PRAGMA journal_mode = wal; PRAGMA user_version = 7; PRAGMA application_id = 99; PRAGMA page_size = 8192; VACUUM;
CREATE TABLE "Odd ""name"" (%" (id integer PRIMARY KEY AUTOINCREMENT, t text COLLATE nocase, b blob, r real,
  twice text AS (t || t) VIRTUAL, size int AS (length(b)) STORED, CHECK (r <> 13));
CREATE TABLE keyless (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE strict (a int, b any) STRICT;
CREATE TABLE child (id integer REFERENCES "Odd ""name"" (%" ON DELETE CASCADE);
CREATE INDEX half ON child (id) WHERE id > 5;
CREATE VIEW counted AS SELECT count(*) AS n FROM "Odd ""name"" (%";
CREATE TRIGGER after_insert AFTER INSERT ON "Odd ""name"" (%" BEGIN INSERT INTO child VALUES (new.id); END;
CREATE VIRTUAL TABLE words USING fts5 (text); INSERT INTO words VALUES ('one two'), ('two three');
CREATE VIRTUAL TABLE boxes USING rtree (id, x1, x2); INSERT INTO boxes VALUES (1, 2, 3);
INSERT INTO "Odd ""name"" (%" (id, t, b, r) VALUES (100, 'ä ✓' || char(0) || 'x', x'00ff0d0a', 1e-308);
INSERT INTO "Odd ""name"" (%" (b, r) VALUES (randomblob(3000000), 9e999);
INSERT INTO keyless VALUES (1, ''), ('1', x'01'); INSERT INTO strict VALUES (9223372036854775807, 1.5);
END
sqlite3 'old ones/one more.db' 'CREATE TABLE t (id); INSERT INTO t VALUES (1), (2)'
: >empty.sqlite
chmod 600 'old ones/one more.db'
"""
# Everything there is: each database as SQL and its settings, then each file.
EVERYTHING = rf"""
cd {FOLDER}; for f in *.sqlite* */*.db; do
  echo "== $f"; sqlite3 -init /dev/null "$f" .dump 'PRAGMA user_version' 'PRAGMA application_id' 'PRAGMA page_size'
done; find . -name '*-[ws][ah][lm]' -o -printf '%p %m %u %g\n' | sort; cat *.txt
"""


def as_user(node, script):
    """Run a shell script as the instance's user, and return what it printed."""
    become = ["setpriv", "--reuid=web-rich", "--regid=web-rich", "--init-groups", "--"]
    return node.run([*become, "sh", "-es"], input=script.encode()).stdout.decode()


def fill(node):
    """Make the databases, in place of what is there."""
    as_user(node, FILL)


def contents(node):
    """Return each database as SQL with its settings, then each file."""
    return as_user(node, EVERYTHING)
