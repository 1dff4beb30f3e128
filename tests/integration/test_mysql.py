"""MariaDB on real nodes: all kinds of things in a database come through, while others write, and whoever is killed."""

import json
import re
import time
from pathlib import Path

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from tests import mysql_data
from tests.integration.conftest import VERSIONS, node_factory

pytestmark = pytest.mark.node
MODULES = Path(__file__).parents[2] / "_modules"
TOKEN = "0123456789ab"
# The password of a server elsewhere has all that an option file, a shell or a URL could stumble over.
PASSWORD = "p'a\"s#s\\w;o rd/@:%"
QUOTED = "p%27a%22s%23s%5Cw%3Bo%20rd%2F%40%3A%25"
ELSEWHERE = """
printf '[mariadbd]\\nskip_networking = OFF\\nbind_address = 0.0.0.0\\n' >/etc/mysql/mariadb.conf.d/99-test.cnf
systemctl restart mariadb
mariadb <<'END'
CREATE DATABASE `a-far`; CREATE USER far@'%' IDENTIFIED BY 'p''a"s#s\\\\w;o rd/@:%';
GRANT ALL ON `a-far`.* TO far@'%'; GRANT ALL ON `a-far~%`.* TO far@'%';
USE a-far
CREATE TABLE t (id int PRIMARY KEY, f float DEFAULT 1); INSERT INTO t (id) SELECT seq FROM seq_1_to_100;
CREATE DEFINER = far@'%' VIEW v AS SELECT count(*) FROM t;
END
"""
# Pairs of rows in two tables, each with its time, for as long as the file is there.
WRITER = """
touch /root/writing
mariadb rich -e 'CREATE TABLE one (id int AUTO_INCREMENT PRIMARY KEY, at timestamp(6) DEFAULT now(6));
  CREATE TABLE two (id int AUTO_INCREMENT PRIMARY KEY);
  CREATE TABLE large AS SELECT seq, repeat("x", 200) AS t FROM seq_1_to_200000'
(while [ -e /root/writing ]; do
   echo 'BEGIN; INSERT INTO one VALUES (); INSERT INTO two VALUES (); COMMIT;'
 done | mariadb rich) >/dev/null 2>&1 &
"""
PAUSE = """
SELECT COALESCE(MAX(gap), 0) * 1000 FROM (
  SELECT TIMESTAMPDIFF(MICROSECOND, LAG(at) OVER (ORDER BY id), at) / 1e6 AS gap FROM one) AS gaps
"""
# A swap that ends when a function is about to be called, as if by kill -9.
KILLED = """
import os, sys
sys.path.insert(0, "/root/modules")
import kw_call
swap = kw_call._find("kw_mysql.activate", [name[:-3] for name in os.listdir("/root/modules") if name.startswith("kw_")])
swap.__globals__["__salt__"]["kw_mysqlswap.settle"]
module, (function, kinds) = sys.modules["kw_mysqlswap"], {step!r}
if function == "_write":
    module._after = lambda *arguments: b""  # killed before views and the like were made again
real = getattr(module, function)
def die(*arguments):
    if not kinds or arguments[2] in kinds:
        os._exit(9)
    return real(*arguments)
setattr(module, function, die)
swap("rich", "{token}")
"""


@pytest.fixture(scope="module")
def nodes(stocked):
    """Two clones: on blue the database of `rich` is full of all kinds of things, on green it is empty."""
    with node_factory() as make:
        blue, green = make("mysql-blue", base=stocked), make("mysql-green", base=stocked)
        for node in (blue, green):
            node.rsync(MODULES, "/root/modules")
        yield blue, green


@pytest.fixture
def blue(nodes):
    fill(nodes[0])
    return nodes[0]


@pytest.fixture
def green(nodes):
    return nodes[1]


def fill(node):
    call(node, "drop", "tables")
    mysql_data.fill(node, "rich")


def call(node, verb, *arguments, instance="rich", **keywords):
    return nodeprogram.call(node, f"kw_mysql.{verb}", instance, *arguments, timeout=60, **keywords)


def sql(node, text, database="rich"):
    return node.text(["mariadb", "-N", "--default-character-set=utf8mb4", database, "-e", text])


def everything(node, database="rich"):
    return mysql_data.contents(node, database)


def dump(node, folder="/root/dump", **options):
    node.script(f"rm -rf {folder}; mkdir {folder}")
    return call(node, "dump", folder, **options)


def carry(source, target, folder="/root/dump"):
    """Bring a dump from one node to another."""
    packed = source.run(["tar", "-C", folder, "-c", "."]).stdout
    target.run(["sh", "-c", f"rm -rf {folder}; mkdir {folder}; tar -C {folder} -x"], input=packed)


def test_everything_comes_through_on_a_fresh_node(blue, green):
    answer = dump(blue)
    before = everything(blue)
    assert answer["counts"] == call(blue, "inspect")["counts"]
    assert answer["counts"]["objects"] == {"views": 3, "triggers": 2, "routines": 2, "events": 2, "sequences": 1}
    assert answer["consistency"] == (
        "one transaction; each as it was read: odd `name( %, western, which know no transactions"
    )
    carry(blue, green)
    assert call(green, "load", "/root/dump") == answer["counts"]
    assert everything(green) == before
    assert "root" not in sql(green, "SELECT definer FROM information_schema.views WHERE table_schema = 'rich'")

    # What the application writes next fits: sequences, defaults, foreign keys, triggers, and the past of rows.
    user = ["setpriv", "--reuid=web-rich", "--regid=web-rich", "--init-groups", "mariadb", "-N", "rich", "-e"]
    later = int(green.text([*user, "INSERT INTO child (parent) VALUES (NULL) RETURNING id"]))
    assert later > int(sql(blue, "SELECT max(id) FROM child"))
    assert (
        green.text([*user, "DELETE FROM parent WHERE id = 101; SELECT count(*) FROM child WHERE parent = 101"]) == "0"
    )
    assert green.text([*user, "UPDATE past SET x = 4; SELECT count(*) FROM past FOR SYSTEM_TIME ALL"]) == "6"
    assert green.text([*user, "SELECT plus(1), parent FROM aa LIMIT 1"]).split() == ["2", "100"]


def test_a_dump_is_of_one_moment_and_holds_up_nobody(blue, green):
    blue.script(WRITER)
    began = time.monotonic()
    try:
        answer = dump(blue)
        took = time.monotonic() - began
    finally:
        blue.script("rm /root/writing; while pgrep -x mariadb >/dev/null; do sleep 0.05; done")
    rows = answer["counts"]["rows_by_table"]
    assert 0 < rows["one"] < int(sql(blue, "SELECT count(*) FROM one"))
    carry(blue, green)
    assert call(green, "load", "/root/dump") == answer["counts"]
    assert sql(green, "SELECT (SELECT max(id) FROM one), (SELECT max(id) FROM two)").split() == [str(rows["one"])] * 2
    assert float(sql(blue, PAUSE)) < max(500, took * 1000 / 2)  # milliseconds; a slow machine's writers pause, too


@pytest.mark.parametrize(
    "step",
    [("_exchange", ""), ("_rename", ""), ("_after", ""), ("_write", ["done"]), ("_forget", "")],
    ids=lambda step: step[0],
)
def test_a_killed_swap_leaves_the_old_or_the_new_and_whoever_comes_next_ends_it(blue, step):
    dump(blue)
    new = everything(blue)
    sql(blue, "DELETE FROM child; DROP VIEW av; CREATE VIEW later AS SELECT 1")
    sql(blue, "CREATE EVENT soon ON SCHEDULE AT '2037-01-01' DO DO 1")
    old = everything(blue)
    call(blue, "prepare", "/root/dump", TOKEN)
    program = KILLED.format(step=step, token=TOKEN).encode()
    assert blue.run(["python3", "-"], input=program, check=False).returncode == 9
    moved = step[0] in ("_write", "_forget")
    if step[0] in ("_rename", "_write"):
        call(blue, "activate", TOKEN)  # either ends what had begun, or undoes it and does it
        moved = True
    else:
        call(blue, "discard", TOKEN)
    assert everything(blue) == (new if moved else old)
    assert call(blue, "missing") == []
    assert sql(blue, "SHOW DATABASES LIKE 'rich~%'") == ""
    assert call(blue, "health")["ok"] is True


def test_a_swap_that_fails_leaves_the_old(blue):
    dump(blue)
    before = everything(blue)
    call(blue, "prepare", "/root/dump", TOKEN)
    sql(blue, "CREATE DEFINER = `web-rich`@localhost VIEW broken AS SELECT 1; ", f"rich~{TOKEN}")
    sql(blue, "CREATE TABLE in_the_way (id int)", f"rich~{TOKEN}~old")
    sql(blue, "CREATE TABLE in_the_way (id int)")
    with pytest.raises(KraftwerkError, match=r"in_the_way.*already exists"):
        call(blue, "activate", TOKEN)
    sql(blue, "DROP TABLE in_the_way")
    assert everything(blue) == before
    with pytest.raises(KraftwerkError, match=f"nothing is prepared for rich under {TOKEN}"):
        call(blue, "activate", TOKEN)


def test_a_script_runs_as_the_site_on_what_is_prepared(blue):
    dump(blue)
    call(blue, "prepare", "/root/dump", TOKEN)
    call(blue, "script", TOKEN, "DELETE FROM child; SELECT 1;")
    assert sql(blue, "SELECT count(*) FROM child", f"rich~{TOKEN}") == "0"
    for text in ("SELECT * FROM nothing", "DELETE FROM mysql.user"):
        with pytest.raises(KraftwerkError, match=r"ERROR 11(46|42)"):
            call(blue, "script", TOKEN, text)
    with pytest.raises(KraftwerkError, match="Unknown command"):
        call(blue, "script", TOKEN, "\\! touch /tmp/been-here")
    assert blue.run(["test", "-e", "/tmp/been-here"], check=False).returncode == 1
    call(blue, "discard", TOKEN)


def test_a_newer_server_s_dump_is_refused_before_anything_is_touched(blue):
    before = everything(blue)
    text = "-- MariaDB dump\n-- Server version\t99.1.2-MariaDB-0+deb99u1\nCREATE TABLE new (id int);\n"
    blue.run(
        ["sh", "-c", "rm -rf /root/newer; mkdir /root/newer; zstd -q >/root/newer/mysql.sql.zst"], input=text.encode()
    )
    with pytest.raises(
        KraftwerkError,
        match=rf"the dump is of MariaDB 99\.1\.2, which {re.escape(VERSIONS['mariadb'])}\.\d+ here can't read",
    ):
        call(blue, "load", "/root/newer")
    assert everything(blue) == before


def test_a_server_elsewhere_is_dumped_and_loaded_by_its_url(blue, green):
    green.script(ELSEWHERE)
    url = f"mysql://far:{QUOTED}@{green.node.host}/a-far?charset=utf8mb4"
    options = json.dumps({"mysql": {"url": url}}).encode()
    blue.script("useradd --system web-far; mkdir -p /etc/kraftwerk/secrets/far")
    blue.run(["sh", "-c", "umask 077; cat >/etc/kraftwerk/secrets/far/services.json"], input=options)
    assert call(blue, "environ", instance="far")["MYSQL_URL"] == url
    assert call(blue, "health", instance="far")["ok"] is True
    before = everything(green, "a-far")
    answer = dump(blue, "/root/far", instance="far")
    assert answer["counts"]["rows_by_table"] == {"t": 100}
    sql(green, "DROP VIEW v; DELETE FROM t WHERE id < 50", "a-far")
    found = call(blue, "prepare", "/root/far", TOKEN, instance="far")
    assert (found["counts"], found["environ"]["MYSQL_DATABASE"]) == (answer["counts"], f"a-far~{TOKEN}")
    call(blue, "activate", TOKEN, instance="far")
    call(blue, "activate", TOKEN, instance="far")
    assert everything(green, "a-far") == before
    assert sql(green, "SHOW DATABASES LIKE 'a-far~%'") == ""
    console = call(blue, "console", instance="far")
    assert console["environ"]["MYSQL_PWD"] == PASSWORD and PASSWORD not in " ".join(console["argv"])
    variables = [f"{key}={value}" for key, value in console["environ"].items()]
    assert blue.text(["env", *variables, *console["argv"], "-Ne", "SELECT count(*) FROM t"]) == "100"
    assert call(blue, "remnants", instance="far") == ["tables"]
    sql(green, "REVOKE ALL ON `a-far~%`.* FROM far@'%'")
    with pytest.raises(KraftwerkError, match=r"Access denied.*which takes: GRANT ALL ON `a-far~%`\.\* TO far"):
        call(blue, "prepare", "/root/far", TOKEN, instance="far")
