"""SQLite on real nodes: databases come through while they are written to, and swaps that were killed are ended."""

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from tests.integration.conftest import node_factory

pytestmark = pytest.mark.node
FOLDER = "/web/rich/sqlite"
TOKEN = "0123456789ab"
AS_USER = "setpriv --reuid=web-rich --regid=web-rich --init-groups --"
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
LARGE = """sqlite3 {} "CREATE TABLE one (id); CREATE TABLE two (id); CREATE TABLE large (b);
  WITH n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 50)
  INSERT INTO large SELECT randomblob(1000000) FROM n" """
# Pairs of rows in two tables, for as long as a file is there; it says how long the longest took.
WRITER = """
import os, sqlite3, sys, time
one = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
open("/tmp/writing-" + os.path.basename(sys.argv[1]), "w").close()
longest, number = 0, 0
while os.path.exists("/tmp/writing"):
    begin, number = time.monotonic(), number + 1
    one.execute("BEGIN IMMEDIATE")
    one.execute("INSERT INTO one VALUES (?)", [number])
    one.execute("INSERT INTO two VALUES (?)", [number])
    one.execute("COMMIT")
    longest = max(longest, time.monotonic() - begin)
print(longest)
"""


@pytest.fixture(scope="module")
def nodes(stocked):
    """Two nodes, the second for what comes through."""
    with node_factory() as make:
        yield make("sqlite-blue", base=stocked), make("sqlite-green", base=stocked)


@pytest.fixture
def blue(nodes):
    user(nodes[0], FILL)
    return nodes[0]


@pytest.fixture
def green(nodes):
    return nodes[1]


def call(node, verb, *arguments, **keywords):
    return nodeprogram.call(node, f"kw_sqlite.{verb}", "rich", *arguments, timeout=60, **keywords)


def user(node, script):
    return node.run(["setpriv", *AS_USER.split()[1:], "sh", "-es"], input=script.encode()).stdout.decode()


def everything(node):
    return user(node, EVERYTHING)


def dump(node, folder="/root/dump"):
    node.script(f"rm -rf {folder}; mkdir {folder}")
    return call(node, "dump", folder)


def test_everything_comes_through_on_a_fresh_node(blue, green):
    before, answer = everything(blue), dump(blue)
    assert answer["counts"] == call(blue, "inspect")["counts"]
    assert (answer["counts"]["databases"], answer["consistency"]) == (3, "each database at one moment")
    assert answer["counts"]["rows_by_table"]["old ones/one more.db:t"] == 2
    packed = blue.run(["cat", "/root/dump/sqlite.tar.zst"]).stdout
    green.run(["sh", "-c", "mkdir -p /root/dump; cat >/root/dump/sqlite.tar.zst"], input=packed)
    user(green, f"cd {FOLDER}; echo mine >note.txt; sqlite3 db.sqlite3 'CREATE TABLE old (id)'; touch x.db")
    assert call(green, "load", "/root/dump") == answer["counts"]
    assert everything(green) == before
    assert user(
        green,
        f"""sqlite3 {FOLDER}/db.sqlite3 "INSERT INTO words VALUES ('three'); SELECT n FROM counted;
        INSERT INTO \\"Odd \\"\\"name\\"\\" (%\\" (r) VALUES (1) RETURNING id" """,
    ).split() == ["2", "102"]
    assert green.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_databases_are_copied_while_they_are_written_to(blue):
    names = ("db.sqlite3", "back.sqlite")  # one with a write-ahead log, one with a rollback journal
    for name in names:
        user(blue, LARGE.format(f"{FOLDER}/{name}"))
    blue.script("touch /tmp/writing; rm -f /tmp/written-*")
    blue.run(["sh", "-c", "cat >/tmp/writer.py"], input=WRITER.encode())
    for name in names:
        blue.script(f"{AS_USER} python3 /tmp/writer.py {FOLDER}/{name} >/tmp/written-{name} 2>&1 &")
    blue.script("until [ -e /tmp/writing-db.sqlite3 ] && [ -e /tmp/writing-back.sqlite ]; do sleep 0.05; done")
    try:
        answer = dump(blue)
    finally:
        blue.script("rm /tmp/writing; while pgrep -f ^python3./tmp/writer.py >/dev/null; do sleep 0.05; done")
    rows = answer["counts"]["rows_by_table"]
    for name in names:
        assert (
            0
            < rows[f"{name}:one"]
            == rows[f"{name}:two"]
            < int(user(blue, f"sqlite3 {FOLDER}/{name} 'SELECT count(*) FROM one'"))
        )
        assert (
            float(blue.text(["cat", f"/tmp/written-{name}"])) < 5
        )  # what Python's sqlite3 waits for before it gives up
    assert call(blue, "load", "/root/dump") == answer["counts"]


def test_a_log_of_the_old_database_never_meets_the_new_one(blue):
    before = everything(blue)
    dump(blue)
    hold = (
        f"import sqlite3, time; c = sqlite3.connect('{FOLDER}/db.sqlite3'); c.execute('DELETE FROM strict'); c.commit()"
    )
    blue.script(
        f"{AS_USER} python3 -c \"{hold}; open('/tmp/held', 'w'); time.sleep(60)\" >/dev/null 2>&1 & echo $! >/root/held"
    )
    blue.script(f"until [ -e /tmp/held ]; do sleep 0.05; done; test -s {FOLDER}/db.sqlite3-wal")
    call(blue, "prepare", "/root/dump", TOKEN)
    assert user(blue, f"cat {FOLDER}/note.txt") == "mine\n"
    call(blue, "activate", TOKEN)
    assert everything(blue) == before
    blue.script("kill $(cat /root/held)")
    assert everything(blue) == before


@pytest.mark.parametrize("end", ["activate", "discard", "drop"])
def test_a_swap_killed_between_its_renames_is_ended_by_whoever_comes_next(blue, end):
    dump(blue)
    before = everything(blue)
    user(blue, f"rm {FOLDER}/db.sqlite3")
    call(blue, "prepare", "/root/dump", TOKEN)
    blue.script(f"mv {FOLDER} {FOLDER}.{TOKEN}.old")
    if end == "drop":
        assert call(blue, "drop", "tables") is True
        assert call(blue, "remnants") == ["database"]
    else:
        call(blue, end, TOKEN)
        assert everything(blue) == before
    assert blue.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_what_is_damaged_is_no_backup(blue):
    user(blue, f"dd if=/dev/zero of={FOLDER}/db.sqlite3 bs=1 seek=12000 count=6000 conv=notrunc 2>&1")
    with pytest.raises(KraftwerkError, match=r"the database db\.sqlite3 is damaged|sqlite3: .*malformed"):
        dump(blue)
    user(blue, f"rm {FOLDER}/db.sqlite3*; echo no >{FOLDER}/letters.db")
    with pytest.raises(KraftwerkError, match=r"letters\.db is called like a database of SQLite and is none"):
        dump(blue)
    assert blue.text(["ls", "-A", "/root/dump"]) == ""
    assert blue.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_a_link_leads_nowhere(blue):
    user(blue, f"ln -s /etc/shadow {FOLDER}/shadow.db; rm -r '{FOLDER}/old ones'; ln -s /root '{FOLDER}/old ones'")
    assert dump(blue)["counts"]["databases"] == 2
    call(blue, "load", "/root/dump")
    assert call(blue, "drop", "tables") is True
    assert blue.text(["stat", "-c", "%U", "/etc/shadow"]) == "root"


def test_a_script_runs_as_the_site_on_what_is_prepared(blue):
    dump(blue)
    found = call(blue, "prepare", "/root/dump", TOKEN)
    call(blue, "script", TOKEN, "DELETE FROM child;")
    assert user(blue, f"sqlite3 {found['environ']['SQLITE_PATH']} 'SELECT count(*) FROM child'") == "0\n"
    with pytest.raises(KraftwerkError, match="no such table"):
        call(blue, "script", TOKEN, "DELETE FROM absent;")
    call(blue, "discard", TOKEN)
