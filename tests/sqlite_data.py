"""Databases of SQLite on a node with a bit of everything in them, and all that they hold, as text.

Also the program that prints the latter on the node: `.dump` ends a text at its first NUL, and rounds.
"""

import contextlib
import os
import sqlite3
import stat
import sys
from pathlib import Path

ENDS = (".sqlite3", ".sqlite", ".db")
SETTINGS = ("user_version", "application_id", "page_size", "encoding", "journal_mode", "auto_vacuum")
FOLDER = "/web/rich/sqlite"
BECOME = ("setpriv", "--reuid=web-rich", "--regid=web-rich", "--init-groups", "--")
FILL = f"""
cd {FOLDER} && rm -rf ./* && mkdir 'old ones' && echo mine >note.txt
sqlite3 db.sqlite3 >/dev/null <<'END'
PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = wal; PRAGMA user_version = 7; PRAGMA application_id = 99;
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


def as_user(node, script):
    """Run a shell script as the instance's user, and return what it printed."""
    return node.run([*BECOME, "sh", "-es"], input=script.encode()).stdout.decode()


def fill(node):
    """Make the databases, in place of what is there."""
    as_user(node, FILL)


def contents(node):
    """Return each database with its settings and all its rows, then each file."""
    return node.run([*BECOME, "python3", "-", FOLDER], input=Path(__file__).read_bytes()).stdout.decode()


def describe(path):
    """Print all that is in a database: settings, how things are made, rows."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.text_factory = lambda text: text.decode(errors="surrogateescape")
        print("==", path, *(database.execute(f"PRAGMA {name}").fetchone()[0] for name in SETTINGS))
        made = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
        for kind, name, *about in database.execute(made).fetchall():
            print(kind, name, *about)
            if kind in ("table", "view"):
                rows = database.execute('SELECT * FROM "{}"'.format(name.replace('"', '""')))
                print(*sorted(" ".join(map(written, row)) for row in rows), sep="\n")


def written(value):
    """Return a value with its type, to the last bit."""
    value = value.encode(errors="surrogateescape") if (text := isinstance(value, str)) else value
    return f"{'text' if text else type(value).__name__} {value.hex() if isinstance(value, bytes | float) else value}"


def main(folder):
    """Print all that is in the databases in a folder, then each file but for their logs."""
    os.chdir(folder)
    paths = [path for path in sorted(Path().rglob("*")) if not path.name.endswith(("-wal", "-shm"))]
    for path in paths:
        if path.suffix in ENDS:
            describe(path)
    for path in paths:
        print(path, stat.filemode(path.stat().st_mode), path.owner(), path.group())
        if path.suffix == ".txt":
            print(path.read_text())


if __name__ == "__main__":
    main(sys.argv[1])
