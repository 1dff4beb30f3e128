"""The contract of every service, found by listing, against the real servers of a real node that has them all."""

import json
import shlex
import time
from dataclasses import dataclass

import pytest
import yaml

from kraftwerk import nodeprogram, saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import share
from kraftwerk.transport import Connection
from tests.integration.conftest import SERVICES

pytestmark = pytest.mark.node
INSTANCE, TOKEN = "rich", "contract0001"


@dataclass(frozen=True)
class Sample:
    """Data for a service: commands of the shell that the instance's user gives.

    Attributes:
        fill: makes data; spoil: changes all sorts of it; change: what an app does after a load, which must own it all.
        state: prints all there is, in an order of its own.
        query: for the service's own client, on stdin; count: how many rows there are, with a prepared environment.
        size: what the two answer of what `fill` made.
    """

    fill: str
    spoil: str
    change: str
    state: str
    query: str = ""
    count: str = ""
    size: str = ""


REDIS = "redis-cli -s /run/redis-rich/redis.sock"
SAMPLES = {
    "postgres": Sample(
        fill="""psql -q $DATABASE_URL <<'END'
            CREATE TABLE "Odd name" (id serial PRIMARY KEY, body text);
            CREATE VIEW "A view" AS SELECT count(*) FROM "Odd name";
            INSERT INTO "Odd name" (body) SELECT repeat('ä', n) FROM generate_series(1, 500) AS n;
END""",
        spoil="""psql -q $DATABASE_URL <<'END'
            DELETE FROM "Odd name"; CREATE TABLE later ();
END""",
        change="""psql -qAt $DATABASE_URL -c "INSERT INTO \\"Odd name\\" (body) VALUES ('new') RETURNING id" """,
        state="pg_dump $DATABASE_URL | grep -v restrict",
        query='SELECT count(*) FROM "Odd name"',
        count="""psql -qAt $DATABASE_URL -c 'SELECT * FROM "A view"'""",
        size="500",
    ),
    "mysql": Sample(
        fill="""mariadb "$MYSQL_DATABASE" <<'END'
            CREATE TABLE `Odd name` (id int AUTO_INCREMENT PRIMARY KEY, body text);
            CREATE TABLE log (id int PRIMARY KEY DEFAULT 0, CONSTRAINT a FOREIGN KEY (id) REFERENCES `Odd name` (id));
            CREATE VIEW `A view` AS SELECT count(*) FROM `Odd name`;
            INSERT INTO `Odd name` SELECT seq, repeat('ä', seq) FROM seq_1_to_500;
            CREATE TRIGGER logged AFTER INSERT ON `Odd name` FOR EACH ROW INSERT INTO log VALUES (NEW.id);
            CREATE EVENT never ON SCHEDULE AT '2037-01-01' DO DELETE FROM log;
END""",
        spoil="""mariadb "$MYSQL_DATABASE" <<'END'
            DELETE FROM `Odd name`; CREATE TABLE later (id int); DROP VIEW `A view`; CREATE VIEW more AS SELECT 1;
            DROP TRIGGER logged;
END""",
        change="""mariadb -N "$MYSQL_DATABASE" <<'END'
            INSERT INTO `Odd name` (body) VALUES ('new'); SELECT max(id) FROM log;
END""",
        state="mariadb-dump --skip-comments --order-by-primary --routines --events $MYSQL_DATABASE",
        query="SELECT count(*) FROM `Odd name`",
        count="""mariadb -N "$MYSQL_DATABASE" -e 'SELECT * FROM `A view`'""",
        size="500",
    ),
    "sqlite": Sample(
        fill="""sqlite3 "$SQLITE_PATH" >/dev/null <<'END'
            PRAGMA journal_mode = wal;
            CREATE TABLE "Odd name" (id integer PRIMARY KEY AUTOINCREMENT, body text);
            WITH n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 500)
            INSERT INTO "Odd name" (body) SELECT n FROM n;
END
            sqlite3 "${SQLITE_PATH%/*}/other.db" 'CREATE TABLE one (id)'""",
        spoil="""sqlite3 "$SQLITE_PATH" 'DELETE FROM "Odd name"; CREATE TABLE later (id)'
            rm "${SQLITE_PATH%/*}/other.db" """,
        change="""sqlite3 "$SQLITE_PATH" "INSERT INTO \\"Odd name\\" (body) VALUES ('new') RETURNING id" """,
        state='for f in "${SQLITE_PATH%/*}"/*.*[b3]; do echo "$f"; sqlite3 "$f" .dump; done',
        query='SELECT count(*) FROM "Odd name";',
        count="""sqlite3 "$SQLITE_PATH" 'SELECT count(*) FROM "Odd name"'""",
        size="500",
    ),
    "redis": Sample(
        fill=f"""seq 500 | sed 's/.*/SET key:& &/' | {REDIS} >/dev/null
            {REDIS} HSET 'odd key' a 1 b 2 >/dev/null; {REDIS} EXPIREAT key:1 4000000000 >/dev/null
            {REDIS} -n 3 RPUSH list x y z >/dev/null""",
        spoil=f"""{REDIS} DEL key:1 key:2 'odd key' >/dev/null; {REDIS} SET later x >/dev/null
            {REDIS} -n 3 LPOP list >/dev/null""",
        change=f"{REDIS} INCR key:500",
        state=f"""{REDIS} --scan | sort | sed 's/.*/DUMP "&"\\nEXPIRETIME "&"/' | {REDIS} | sha256sum
            {REDIS} DBSIZE; {REDIS} -n 3 LRANGE list 0 -1""",
        query="GET key:500",
        size="500",
    ),
    "files": Sample(
        fill="cd $UPLOADS_PATH; mkdir -p a/b; seq 100000 >a/b/numbers; : >'an empty one'; ln -s a link",
        spoil="cd $UPLOADS_PATH; rm -r a; echo x >later",
        change="echo y >>$UPLOADS_PATH/a/b/numbers; echo 501",
        state=r"""cd $UPLOADS_PATH; find . -printf '%p %y %m %u %g %l %T@\n' | sort; sha256sum <a/b/numbers || true""",
        count='ls "$UPLOADS_PATH" | wc -l',
        size="3",
    ),
}
CACHES = ("memcached",)  # what is never dumped
KEEPING = [name for name in SERVICES if name not in CACHES]
WITH_CLIENT = [name for name in KEEPING if SAMPLES[name].query]
WITH_UNIT = {
    name: settings["unit"]
    for name in SERVICES
    if "unit" in (settings := yaml.safe_load((share("salt") / "services" / name / "defaults.yaml").read_text()))
}


@pytest.fixture
def service(request):
    """The name of each service in turn."""
    return request.param


@pytest.fixture
def do(rich, service):
    """Call a function of the service on the node's instance, without Salt."""

    def call(verb, *arguments, **keywords):
        return nodeprogram.call(Connection(rich), f"kw_{service}.{verb}", INSTANCE, *arguments, timeout=60, **keywords)

    return call


@pytest.fixture
def root(rich):
    """Run a shell command as root on the node, and return what it printed."""
    return lambda command: Connection(rich).text(["sh", "-c", command])


@pytest.fixture
def as_user(root):
    """Run a shell command as the instance's user, in the environment that the states wrote, and variables over it."""

    def run(command, variables=None, user=f"web-{INSTANCE}"):
        given = "".join(f"{key}={shlex.quote(value)}\n" for key, value in (variables or {}).items())
        script = f"set -a; . /web/{INSTANCE}/env\n{given}{command}"
        return root(f"setpriv --reuid={user} --regid={user} --init-groups -- sh -ec {shlex.quote(script)}")

    return run


@pytest.fixture
def state(service, as_user):
    """Everything that the service holds."""
    return lambda: as_user(SAMPLES[service].state)


@pytest.fixture
def dumped(service, do, as_user, root):
    """Data, and a dump of it: the folder and what the dump returned. Everything is gone again afterwards."""
    do("drop", "tables")
    as_user(SAMPLES[service].fill)
    folder = root("mktemp -d").strip()
    yield folder, do("dump", folder)
    do("discard", TOKEN)
    do("drop", "tables")
    root(f"rm -r {folder}")


def numbers(counts):
    """Return the counts that stand alone, not by name."""
    return [value for value in counts.values() if isinstance(value, int)]


every = pytest.mark.parametrize("service", SERVICES, indirect=True)
keeping = pytest.mark.parametrize("service", KEEPING, indirect=True)


@every
def test_it_is_healthy_until_its_server_is_stopped(service, do, root):
    assert do("health")["ok"] is True
    assert do("environ")
    if service in WITH_UNIT:
        root(f"systemctl stop {WITH_UNIT[service]}")
        try:
            assert turned(do, False)["detail"]  # a target's services stop after it
        finally:
            root(f"systemctl start {WITH_UNIT[service]}")
        turned(do, True)  # some are started before they listen


def turned(do, healthy):
    """Wait till a service is healthy, or isn't, and return what it says."""
    end = time.monotonic() + 60
    while (found := do("health"))["ok"] is not healthy:
        assert time.monotonic() < end
    return found


@keeping
def test_a_dump_says_what_it_holds(do, root, dumped):
    folder, answer = dumped
    for member in answer["members"]:
        path = f"{folder}/{member['name']}"
        assert root(f"stat -c %s {path}; sha256sum <{path}").split()[:2] == [str(member["size"]), member["sha256"]]
    assert sorted(member["name"] for member in answer["members"]) == root(f"ls {folder}").split()
    assert answer["counts"] == do("inspect")["counts"]
    assert answer["version"] and answer["consistency"]
    assert "\n" not in answer["consistency"] and len(answer["consistency"]) < 200
    assert json.dumps(answer)


@keeping
def test_a_load_brings_everything_back_and_the_app_may_change_it(rich, service, do, as_user, state, dumped):
    folder, answer = dumped
    before = state()
    as_user(SAMPLES[service].spoil)
    assert state() != before
    assert do("inspect")["counts"] != answer["counts"]
    assert saltssh.call(rich, f"kw_{service}.load", INSTANCE, folder) == answer["counts"] == do("inspect")["counts"]
    assert state() == before
    assert as_user(SAMPLES[service].change).strip() == "501"
    assert do("health")["ok"] is True


@keeping
def test_what_is_prepared_can_be_looked_at_and_thrown_away(service, do, as_user, state, dumped):
    folder, answer = dumped
    as_user(SAMPLES[service].spoil)
    now = state()
    found = do("prepare", folder, TOKEN)
    assert found["counts"] == answer["counts"]
    if SAMPLES[service].count:
        assert as_user(SAMPLES[service].count, found["environ"]).strip() == SAMPLES[service].size
    assert state() == now
    do("discard", TOKEN)
    do("discard", TOKEN)
    assert state() == now


@keeping
def test_what_is_prepared_takes_its_place_once(service, do, root, as_user, state, dumped):
    folder = dumped[0]
    before = state()
    as_user(SAMPLES[service].spoil)
    do("prepare", folder, "another00001")  # of a load that was lost: the next one clears it away
    do("prepare", folder, TOKEN)
    do("activate", TOKEN)
    assert state() == before
    assert as_user(SAMPLES[service].change).strip() == "501"
    changed = state()
    do("activate", TOKEN)
    do("discard", TOKEN)
    assert state() == changed
    assert "another00001" not in root(f"ls /web/{INSTANCE} /var/lib/mysql /var/lib/redis* 2>/dev/null || true")


@keeping
def test_a_broken_dump_leaves_the_data_as_it_was(do, root, state, dumped):
    folder, answer = dumped
    before = state()
    for member in answer["members"]:
        root(f"truncate -s {member['size'] // 2} {folder}/{member['name']}")
    with pytest.raises(KraftwerkError):
        do("load", folder)
    assert state() == before
    assert do("inspect")["counts"] == answer["counts"]
    assert do("health")["ok"] is True


@keeping
def test_drop_deletes_in_steps(do, dumped):
    do("drop", "tables")
    assert sum(numbers(do("inspect")["counts"])) == 0
    assert "database" in do("remnants")
    assert do("drop", "tables") is False
    with pytest.raises(KraftwerkError, match="what to drop is one of"):
        do("drop", "everything")
    assert do("load", dumped[0]) == dumped[1]["counts"]


@keeping
def test_the_largest_things_are_listed_with_their_counts_and_sizes(do, dumped):
    found = do("inspect", detail=True)
    assert do("inspect").get("detail") is None
    (things,) = (
        found["detail"][kind] for kind in ("tables", "keys", "databases", "folders") if kind in found["detail"]
    )
    assert 0 < len(things) <= 20
    assert [thing["size"] for thing in things] == sorted((thing["size"] for thing in things), reverse=True)
    assert all(set(thing) >= {"name", "count", "size"} for thing in things)
    assert found["size"] >= 0


@pytest.mark.parametrize("service", WITH_CLIENT, indirect=True)
def test_the_console_is_the_service_s_own_client(service, do, as_user, dumped):
    found = do("console")
    assert found["user"] == f"web-{INSTANCE}"
    command = f"{shlex.join(found['argv'])} <<'END'\n{SAMPLES[service].query}\n;\nEND"
    variables = {key: value for key, value in found["environ"].items() if key.isidentifier()}
    assert SAMPLES[service].size in as_user(command, variables, found["user"]).split()


@pytest.mark.parametrize("service", CACHES, indirect=True)
def test_a_cache_is_counted_and_never_dumped(do):
    assert sum(numbers(do("inspect")["counts"])) == 0
    with pytest.raises(KraftwerkError, match="there is no function"):
        do("dump", "/tmp")
    assert do("drop", "tables") in (True, False)


@pytest.mark.parametrize(
    ("service", "error"),
    [("postgres", 'psql: error: .*database "nobody" does not exist'), ("mysql", "mariadb: ERROR 1049 .*'nobody'")],
)
def test_an_error_names_its_program_once(rich, service, error):
    with pytest.raises(KraftwerkError, match=error) as caught:
        nodeprogram.call(Connection(rich), f"kw_{service}.inspect", "nobody")
    assert str(caught.value).count(error.split(":")[0]) == 1
