"""PostgreSQL on real servers: a rich data set comes through to the last row and grant, whatever is killed or full."""

import json
import subprocess

import pytest

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import share
from tests import postgres_data
from tests.held import locked, waiting
from tests.integration.conftest import node_factory
from tests.postgres_data import SQL, without
from tests.waiting import wait_for

pytestmark = pytest.mark.node
INSTANCE, OTHER, TOKEN = "mysite", "mysite-staging", "postgres0001"
URL = "postgresql://far:p%40ss%2Fw%3Ard@127.0.0.1:5432/far?sslmode=disable&conn_max_age=60"
# A table whose rows are loaded once a table of all databases can be read: whoever locks it has a moment to kill in.
SLOW = """
CREATE FUNCTION slow(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE slow_rows (id integer CHECK (slow(id)));
INSERT INTO slow_rows SELECT generate_series(1, 100);
CREATE OR REPLACE FUNCTION slow(integer) RETURNS boolean
  LANGUAGE sql IMMUTABLE AS 'SELECT count(*) >= 0 FROM pg_shseclabel';
CREATE TABLE parted (id integer) PARTITION BY RANGE (id);
"""


WORDS = """
DROP SCHEMA public; CREATE SCHEMA "lätin";
CREATE TABLE "lätin".words (word) AS VALUES ('Ärger'), ('Zorn'), ('Arg'), ('§');
"""
SORTED = """SELECT string_agg(word, ' ' ORDER BY word) FROM "lätin".words"""
# A server elsewhere: here the node's own, with a role that logs in by password, and what was in its database before.
FAR = """
DROP DATABASE IF EXISTS far WITH (FORCE); DROP DATABASE IF EXISTS "far.kw.postgres0001.old"; DROP ROLE IF EXISTS far;
CREATE ROLE far LOGIN PASSWORD 'p@ss/w:rd'; CREATE DATABASE far OWNER far;
"""
OLD = """
SET ROLE far; CREATE TABLE people (old integer); CREATE VIEW a_few AS TABLE people; CREATE TYPE mood AS ENUM ('?');
CREATE SCHEMA old; CREATE TABLE old.x (); SELECT lo_create(99);
"""
# What the role of a server elsewhere may not have, for want of a superuser.
SUPER = "DROP EXTENSION kwtest; DROP EXTENSION postgres_fdw CASCADE; ALTER TABLE secretive NO FORCE ROW LEVEL SECURITY"


class Node:
    """A node with PostgreSQL on it, as these tests use it."""

    def __init__(self, connection):
        self.connection = connection

    def call(self, verb, *arguments, instance=INSTANCE):
        """Call a function of the service."""
        return nodeprogram.call(self.connection, f"kw_postgres.{verb}", instance, *arguments, timeout=120)

    def root(self, command, *arguments):
        """Run shell commands as root, and return what they printed."""
        return self.connection.script(f"cd /\n{command}", *arguments).stdout.decode()

    def sql(self, text, database=INSTANCE, user="postgres", **names):
        """Run SQL with psql, and return what it printed."""
        return postgres_data.run(self.connection, text, database, user, **names)

    def contents(self, database=INSTANCE):
        """All that a database holds and is; the names of its owners are left out."""
        return postgres_data.contents(self.connection, database).replace(f"web-{OTHER}", f"web-{INSTANCE}")

    def dumped(self, folder="/tmp/dump"):
        """Dump the database into a folder, and return what that said."""
        self.root('rm -rf "$1"; mkdir "$1"', folder)
        return self.call("dump", folder)


@pytest.fixture(scope="module")
def source(converged):
    """A node whose database has the rich data set in it, and a dump of it in /tmp/dump."""
    with node_factory() as make:
        node = Node(make("pgsource", base=converged))
        postgres_data.fill(node.connection, INSTANCE)
        node.said = node.dumped()
        node.before = node.contents()
        yield node


@pytest.fixture(scope="module")
def target(converged, source):
    """Another node, with the source's dump in /tmp/dump, and a second instance as far as PostgreSQL knows one."""
    with node_factory() as make:
        node = Node(make("pgtarget", base=converged))
        postgres_data.install(node.connection)
        node.root(f"useradd --system web-{OTHER}")
        node.connection.run(
            ["tar", "-C", "/tmp", "-xf", "-"],
            input=source.connection.run(["tar", "-C", "/tmp", "-cf", "-", "dump"]).stdout,
        )
        yield node


def test_all_of_a_database_comes_through(source, target):
    prepared = target.call("prepare", "/tmp/dump", TOKEN)
    assert prepared["counts"] == source.said["counts"]
    assert source.said["counts"]["large objects"] == 2
    assert prepared["notes"][-1] == "left out: SUBSCRIPTION - elsewhere postgres (not loaded)"
    assert any(note.startswith("left out: CREATE EVENT TRIGGER watch") for note in prepared["notes"])
    assert target.call("inspect")["counts"]["rows"] == 0
    assert target.call("activate", TOKEN) is True
    assert target.call("activate", TOKEN) is False
    target.call("discard", TOKEN)
    wanted = without(source.before, *postgres_data.LEFT_OUT)
    assert without(target.contents()) == wanted
    assert source.before.count("\n") > 2000


def test_the_role_of_another_instance_becomes_the_own_one(source, target):
    assert target.call("load", "/tmp/dump", instance=OTHER) == source.said["counts"]
    assert without(target.contents(OTHER)) == without(source.before, *postgres_data.LEFT_OUT)
    # What an app does after a load: it owns all, and sequences go on.
    role = {"user": f"web-{OTHER}", "database": OTHER}
    assert target.sql("SELECT nextval('invoice'), nextval('untouched')", **role) == "4979|42\n"
    target.sql("ALTER TABLE people ADD extra text; REFRESH MATERIALIZED VIEW by_mood; DROP TABLE booking", **role)
    assert "reader" in target.sql("SELECT rolname FROM pg_roles WHERE NOT rolcanlogin")


@pytest.mark.parametrize(
    "options",
    [
        "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        "LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'",
    ],
)
def test_a_database_keeps_its_encoding_and_order(target, options):
    target.call("drop", "database")
    target.sql(f'CREATE DATABASE {INSTANCE} OWNER "web-{INSTANCE}" {options} TEMPLATE template0', "postgres")
    target.call("create")
    target.sql(WORDS, user=f"web-{INSTANCE}")
    before = [target.contents(), target.sql(SORTED)]
    target.dumped("/tmp/other")
    target.sql('DROP TABLE "lätin".words')
    target.call("load", "/tmp/other")
    assert [target.contents(), target.sql(SORTED)] == before


def test_an_extension_that_the_server_lacks_is_named_before_anything_is_touched(target):
    target.root("cd /usr/share/postgresql/*/extension && mv kwtest.control kwtest.away")
    with pytest.raises(KraftwerkError, match="lacks the extensions that the dump needs: kwtest"):
        target.call("prepare", "/tmp/dump", TOKEN)
    target.root("cd /usr/share/postgresql/*/extension && mv kwtest.away kwtest.control")
    assert ".kw." not in target.sql("SELECT datname FROM pg_database")


def test_a_dump_of_a_newer_server_is_refused(target):
    target.root("""cp -r /tmp/dump /tmp/newer; sed -i 's/"version": "1/"version": "9/' /tmp/newer/database.json""")
    with pytest.raises(KraftwerkError, match=r"the dump is of PostgreSQL 9\d\.\d+, which 1\d\.\d+ can't read"):
        target.call("prepare", "/tmp/newer", TOKEN)


@pytest.fixture
def far(source):
    """The source's database without what needs a superuser, dumped in /tmp/far; the other instance's is elsewhere."""
    source.sql(FAR.replace("; ", ";\n"), "postgres")
    source.root(f"id web-{OTHER} 2>/dev/null || useradd --system web-{OTHER}")
    folder = f"/etc/kraftwerk/secrets/{OTHER}"
    options = json.dumps({"postgres": {"url": URL}})
    source.root('mkdir -p -m 700 "$1"; printf %s "$2" >"$1/services.json"', folder, options)
    source.sql(OLD, "far")
    yield source
    source.root('rm -r "$1"', folder)


@pytest.mark.parametrize("right", ["CREATEDB", "NOCREATEDB"])
def test_a_server_elsewhere_is_loaded_by_the_url_s_role_alone(far, right):
    far.sql(f"ALTER ROLE far {right}", "postgres")
    if far.sql("SELECT count(*) FROM pg_extension WHERE extname = 'kwtest'") != "0\n":
        far.sql(SUPER)
    counts = far.dumped("/tmp/far")["counts"]
    assert far.call("environ", instance=OTHER) == {"DATABASE_URL": URL}
    assert far.call("health", instance=OTHER)["ok"] is True
    prepared = far.call("prepare", "/tmp/far", TOKEN, instance=OTHER)
    assert prepared["counts"] == counts
    assert any("one transaction in place" in note for note in prepared["notes"]) == (right == "NOCREATEDB")
    far.call("script", TOKEN, "UPDATE people SET email = NULL", instance=OTHER)
    assert far.sql("SELECT count(*) FROM old.x", "far") == "0\n"
    assert far.call("activate", TOKEN, instance=OTHER) is True
    assert far.call("activate", TOKEN, instance=OTHER) is False
    far.call("discard", TOKEN, instance=OTHER)
    assert far.call("inspect", instance=OTHER)["counts"] == counts
    assert far.sql("SELECT count(email) FROM people", "far") == "0\n"
    rows, schema = (SQL / "contents.sql").read_text(), "SELECT nspname FROM pg_namespace WHERE nspname = 'old'"
    assert far.sql(schema, "far") == ""
    far.sql("UPDATE people SET email = NULL")
    wanted = far.sql(rows.split("SELECT oid,")[0])
    assert far.sql(rows.split("SELECT oid,")[0], "far") == wanted
    far.call("dump", far.root("mktemp -d").strip(), instance=OTHER)


def test_a_load_in_place_that_fails_leaves_the_old_data(far):
    far.sql("ALTER ROLE far NOCREATEDB", "postgres")
    far.call("prepare", "/tmp/far", TOKEN, instance=OTHER)
    before = far.contents("far")
    far.call("script", TOKEN, "DELETE FROM nowhere", instance=OTHER)
    with pytest.raises(KraftwerkError, match='relation "nowhere" does not exist'):
        far.call("activate", TOKEN, instance=OTHER)
    assert far.contents("far") == before


def test_no_password_is_seen_in_the_list_of_processes(far):
    watch = "until [ -e /tmp/enough ]; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; done >/tmp/seen"
    with far.connection.popen(["sh", "-c", watch], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as watcher:
        far.call("dump", far.root("mktemp -d").strip(), instance=OTHER)
        far.root("touch /tmp/enough")
        watcher.wait()
    seen = far.root("grep -ao 'pg_dump --format' /tmp/seen | sort -u; grep -ac 'p@ss\\|p%40ss' /tmp/seen || true")
    assert seen == "pg_dump --format\n0\n"


@pytest.fixture
def slow(target):
    """A database whose load can be held, dumped in /tmp/slow; what it holds is returned."""
    target.call("drop", "database")
    target.call("create")
    target.sql(SLOW, user=f"web-{INSTANCE}")
    target.dumped("/tmp/slow")
    target.sql("CREATE TABLE newer ()", user=f"web-{INSTANCE}")
    return target.contents()


def killed(target, statement, database, victim, verb, *arguments):
    """Call a function of the service in the node's own python; once it waits for what is locked, kill -9 a program."""
    words = ["sh", "-c", 'cd /root/modules; exec python3 kw_call.py "$@"', "sh", f"kw_postgres.{verb}", INSTANCE]
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    with locked(target.connection, statement, database):
        call = target.connection.popen([*words, *arguments], **quiet)
        wait_for(lambda: waiting(target.connection))
        target.root(f"kill -9 $(pgrep -f '{victim}') || true")  # the end of one may be that of another
    assert call.wait(180) != 0


@pytest.fixture(scope="module")
def modules(target):
    """The modules in a folder on the node, as backups keep them there."""
    target.root("mkdir /root/modules")
    files = subprocess.run(
        ["tar", "-C", str(share("_modules")), "-cf", "-", "."], capture_output=True, check=True
    ).stdout
    target.connection.run(["tar", "-C", "/root/modules", "-xf", "-"], input=files)


@pytest.mark.parametrize("victim", ["pg_restore .*dbname", "kw_call.py"])
def test_a_load_that_is_killed_leaves_the_old_data_and_the_next_succeeds(target, modules, slow, victim):
    killed(target, "LOCK pg_shseclabel", "postgres", victim, "prepare", "/tmp/slow", TOKEN)
    assert target.contents() == slow
    counts = target.call("load", "/tmp/slow")
    assert counts["rows_by_table"] == {"public.slow_rows": 100}
    assert ".kw." not in target.sql("SELECT datname FROM pg_database")


def test_a_swap_that_is_killed_is_done_by_the_next_call(target, modules, slow):
    target.call("prepare", "/tmp/slow", TOKEN)
    hold = f"COMMENT ON DATABASE {INSTANCE} IS 'held'"
    killed(target, hold, "postgres", "kw_call.py|psql .*--set=old", "activate", TOKEN)
    swaps = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%RENAME TO%' AND pid <> pg_backend_pid()"
    wait_for(lambda: target.sql(swaps, "postgres").strip() == "0")  # the server goes on without its client
    assert target.contents() == slow
    assert target.call("activate", TOKEN) is True
    target.call("discard", TOKEN)
    assert target.call("inspect")["counts"]["rows"] == 100


@pytest.mark.parametrize("victim", ["pg_dump --format", "kw_call.py"])
def test_a_dump_that_is_killed_is_simply_made_again(target, modules, slow, victim):
    target.root("rm -rf /tmp/again; mkdir /tmp/again")
    killed(target, "LOCK parted", INSTANCE, victim, "dump", "/tmp/again")
    assert target.call("dump", "/tmp/again")["counts"]["rows"] == 100


def test_a_full_disk_leaves_the_old_data_and_the_server_alive(target, slow):
    """On a small file system: what doesn't fit is refused with figures, or stopped before the disk is full."""
    target.root("""systemctl stop postgresql@* postgresql; cd /var/lib/postgresql; size=$(du -sm . | cut -f1)
        mount -t tmpfs -o size=$((size + 400))M small /mnt; cp -a . /mnt; mount --bind /mnt /var/lib/postgresql
        systemctl start postgresql""")
    target.sql("CREATE TABLE large AS SELECT repeat(md5(n::text), 60) FROM generate_series(1, 30000) AS n")
    target.sql(f'ALTER TABLE large OWNER TO "web-{INSTANCE}"')
    target.dumped("/tmp/large")
    target.root("free=$(df --output=avail -m /mnt | tail -1); fallocate -l $((free - 150))M /mnt/ballast")
    before = target.contents()
    with pytest.raises(KraftwerkError, match=r"the database needs \d+ MB beside the present one, and \d+ MB are free"):
        target.call("prepare", "/tmp/large", TOKEN)
    target.root('sed -i \'s/"size": .*/"size": 0,/\' /tmp/large/database.json')
    with pytest.raises(KraftwerkError, match="disk is full"):
        target.call("prepare", "/tmp/large", TOKEN)
    assert target.contents() == before
    target.root("systemctl stop postgresql@* postgresql; umount /var/lib/postgresql /mnt; systemctl start postgresql")
