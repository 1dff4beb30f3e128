"""SQLite on real nodes: databases come through while they are written to, and swaps that were killed are ended."""

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from tests.integration.conftest import node_factory
from tests.sqlite_data import FOLDER, as_user, contents, fill

pytestmark = pytest.mark.node
TOKEN = "0123456789ab"
BECOME = "setpriv --reuid=web-rich --regid=web-rich --init-groups --"
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
    fill(nodes[0])
    return nodes[0]


@pytest.fixture
def green(nodes):
    return nodes[1]


def call(node, verb, *arguments, **keywords):
    return nodeprogram.call(node, f"kw_sqlite.{verb}", "rich", *arguments, timeout=60, **keywords)


def dump(node, folder="/root/dump"):
    node.script(f"rm -rf {folder}; mkdir {folder}")
    return call(node, "dump", folder)


def test_everything_comes_through_on_a_fresh_node(blue, green):
    before, answer = contents(blue), dump(blue)
    assert answer["counts"] == call(blue, "inspect")["counts"]
    assert (answer["counts"]["databases"], answer["consistency"]) == (3, "each database at one moment")
    assert answer["counts"]["rows_by_table"]["old ones/one more.db:t"] == 2
    packed = blue.run(["cat", "/root/dump/sqlite.tar.zst"]).stdout
    green.run(["sh", "-c", "mkdir -p /root/dump; cat >/root/dump/sqlite.tar.zst"], input=packed)
    as_user(green, f"cd {FOLDER}; echo mine >note.txt; sqlite3 db.sqlite3 'CREATE TABLE old (id)'; touch x.db")
    assert call(green, "load", "/root/dump") == answer["counts"]
    assert contents(green) == before
    assert as_user(
        green,
        f"""sqlite3 {FOLDER}/db.sqlite3 "INSERT INTO words VALUES ('three'); SELECT n FROM counted;
        INSERT INTO \\"Odd \\"\\"name\\"\\" (%\\" (r) VALUES (1) RETURNING id" """,
    ).split() == ["2", "102"]
    assert green.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_databases_are_copied_while_they_are_written_to(blue):
    names = ("db.sqlite3", "back.sqlite")  # one with a write-ahead log, one with a rollback journal
    for name in names:
        as_user(blue, LARGE.format(f"{FOLDER}/{name}"))
    blue.script("touch /tmp/writing; rm -f /tmp/written-*")
    blue.run(["sh", "-c", "cat >/tmp/writer.py"], input=WRITER.encode())
    for name in names:
        blue.script(f"{BECOME} python3 /tmp/writer.py {FOLDER}/{name} >/tmp/written-{name} 2>&1 &")
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
            < int(as_user(blue, f"sqlite3 {FOLDER}/{name} 'SELECT count(*) FROM one'"))
        )
        assert (
            float(blue.text(["cat", f"/tmp/written-{name}"])) < 5
        )  # what Python's sqlite3 waits for before it gives up
    assert call(blue, "load", "/root/dump") == answer["counts"]


def test_a_log_of_the_old_database_never_meets_the_new_one(blue):
    before = contents(blue)
    dump(blue)
    hold = (
        f"import sqlite3, time; c = sqlite3.connect('{FOLDER}/db.sqlite3'); c.execute('DELETE FROM strict'); c.commit()"
    )
    blue.script(
        f"{BECOME} python3 -c \"{hold}; open('/tmp/held', 'w'); time.sleep(60)\" >/dev/null 2>&1 & echo $! >/root/held"
    )
    blue.script(f"until [ -e /tmp/held ]; do sleep 0.05; done; test -s {FOLDER}/db.sqlite3-wal")
    call(blue, "prepare", "/root/dump", TOKEN)
    assert as_user(blue, f"cat {FOLDER}/note.txt") == "mine\n"
    call(blue, "activate", TOKEN)
    assert contents(blue) == before
    blue.script("kill $(cat /root/held)")
    assert contents(blue) == before


@pytest.mark.parametrize("end", ["activate", "discard", "drop"])
def test_a_swap_killed_between_its_renames_is_ended_by_whoever_comes_next(blue, end):
    dump(blue)
    before = contents(blue)
    as_user(blue, f"rm {FOLDER}/db.sqlite3")
    call(blue, "prepare", "/root/dump", TOKEN)
    blue.script(f"mv {FOLDER} {FOLDER}.{TOKEN}.old")
    if end == "drop":
        assert call(blue, "drop", "tables") is True
        assert call(blue, "remnants") == ["database"]
    else:
        call(blue, end, TOKEN)
        assert contents(blue) == before
    assert blue.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_what_is_damaged_is_no_backup(blue):
    as_user(blue, f"dd if=/dev/zero of={FOLDER}/db.sqlite3 bs=1 seek=12000 count=6000 conv=notrunc 2>&1")
    with pytest.raises(KraftwerkError, match=r"the database db\.sqlite3 is damaged|sqlite3: .*malformed"):
        dump(blue)
    as_user(blue, f"rm {FOLDER}/db.sqlite3*; echo no >{FOLDER}/letters.db")
    with pytest.raises(KraftwerkError, match=r"letters\.db is called like a database of SQLite and is none"):
        dump(blue)
    assert blue.text(["ls", "-A", "/root/dump"]) == ""
    assert blue.text(["ls", "-A", "/web/rich"]).count("sqlite") == 1


def test_a_link_leads_nowhere(blue):
    as_user(blue, f"ln -s /etc/shadow {FOLDER}/shadow.db; rm -r '{FOLDER}/old ones'; ln -s /root '{FOLDER}/old ones'")
    assert dump(blue)["counts"]["databases"] == 2
    call(blue, "load", "/root/dump")
    assert call(blue, "drop", "tables") is True
    assert blue.text(["stat", "-c", "%U", "/etc/shadow"]) == "root"


def test_a_script_runs_as_the_site_on_what_is_prepared(blue):
    dump(blue)
    found = call(blue, "prepare", "/root/dump", TOKEN)
    call(blue, "script", TOKEN, "DELETE FROM child;")
    assert as_user(blue, f"sqlite3 {found['environ']['SQLITE_PATH']} 'SELECT count(*) FROM child'") == "0\n"
    with pytest.raises(KraftwerkError, match="no such table"):
        call(blue, "script", TOKEN, "DELETE FROM absent;")
    call(blue, "discard", TOKEN)
