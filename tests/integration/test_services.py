"""The contract of every service, found by listing, against the real servers of a real node."""

import json
import shlex
from pathlib import Path

import pytest

from kraftwerk import saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.transport import Connection

pytestmark = pytest.mark.node
SERVICES = sorted(path.name for path in (Path(__file__).parents[2] / "salt" / "services").iterdir() if path.is_dir())
INSTANCE = "mysite"
AS_USER = f"setpriv --reuid=web-{INSTANCE} --regid=web-{INSTANCE} --init-groups --"
FILL = {
    "postgres": 'psql -q $DATABASE_URL -c "CREATE TABLE \\"Odd name\\" (id serial PRIMARY KEY, body text)"'
    ' -c "INSERT INTO \\"Odd name\\" (body) SELECT repeat(\'ä\', n) FROM generate_series(1, 500) AS n"',
    "files": "cd $UPLOADS_PATH; mkdir -p a/b; seq 100000 >a/b/numbers; : >'an empty one'",
}
SPOIL = {
    "postgres": 'psql -q $DATABASE_URL -c "DELETE FROM \\"Odd name\\"" -c "CREATE TABLE later ()"',
    "files": "cd $UPLOADS_PATH; rm -r a; echo x >later",
}
CHANGE = {  # what an app does after a load: it must own what was loaded
    "postgres": 'psql -qAt $DATABASE_URL -c "INSERT INTO \\"Odd name\\" (body) VALUES (\'new\') RETURNING id"',
    "files": "echo y >>$UPLOADS_PATH/a/b/numbers; echo 501",
}


@pytest.fixture(params=SERVICES)
def service(request):
    """The name of each service in turn."""
    return request.param


@pytest.fixture
def do(node, service):
    """Call a function of the service on the node's instance."""

    def call(verb, *arguments):
        return saltssh.call(node, f"kw_{service}.{verb}", INSTANCE, *arguments)

    return call


@pytest.fixture
def root(node):
    """Run a shell command as root on the node, and return what it printed."""
    return lambda command: Connection(node).text(["sh", "-c", command])


@pytest.fixture
def as_user(root):
    """Run a shell command as the instance's user, in the environment that the states wrote."""
    return lambda command: root(f"{AS_USER} sh -ec {shlex.quote(f'. /web/{INSTANCE}/env; {command}')}")


@pytest.fixture
def dumped(service, do, as_user, root):
    """Data, and a dump of it: the folder and what the dump returned. Everything is gone again afterwards."""
    as_user(FILL[service])
    folder = root("mktemp -d").strip()
    yield folder, do("dump", folder)
    do("drop", "tables")
    root(f"rm -r {folder}")


def test_it_is_healthy(do):
    assert do("health")["ok"] is True


def test_a_dump_says_what_it_holds(do, root, dumped):
    folder, answer = dumped
    for member in answer["members"]:
        path = f"{folder}/{member['name']}"
        assert root(f"stat -c %s {path}; sha256sum <{path}").split()[:2] == [str(member["size"]), member["sha256"]]
    assert answer["counts"] == do("inspect")["counts"]
    assert answer["version"]
    assert json.dumps(answer)


def test_a_load_brings_everything_back_and_the_app_may_change_it(service, do, as_user, dumped):
    folder, answer = dumped
    as_user(SPOIL[service])
    assert do("inspect")["counts"] != answer["counts"]
    assert do("load", folder) == answer["counts"] == do("inspect")["counts"]
    assert as_user(CHANGE[service]).strip() == "501"
    assert do("health")["ok"] is True


def test_an_error_names_its_program_once(node):
    with pytest.raises(KraftwerkError, match=r'psql: error: .*database "nobody" does not exist') as error:
        saltssh.call(node, "kw_postgres.inspect", "nobody")
    assert "psql: psql:" not in str(error.value)


def test_a_broken_dump_leaves_the_data_as_it_was(do, root, dumped):
    folder, answer = dumped
    for member in answer["members"]:
        root(f"truncate -s {member['size'] // 2} {folder}/{member['name']}")
    with pytest.raises(KraftwerkError):
        do("load", folder)
    assert do("inspect")["counts"] == answer["counts"]
    assert do("health")["ok"] is True


def test_drop_deletes_in_steps(do, dumped):
    do("drop", "tables")
    assert sum(value for value in do("inspect")["counts"].values() if isinstance(value, int)) == 0
    assert "database" in do("remnants")
    assert do("drop", "tables") is False
    assert do("load", dumped[0]) == dumped[1]["counts"]
