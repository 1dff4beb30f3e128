"""From one Debian to the next: rich data of every service comes through, and none of it goes to an older server."""

import difflib
import re
from pathlib import Path

import pytest

from kraftwerk import nodeprogram
from tests import mysql_data, odd_files, postgres_data, redis_keys, sqlite_data
from tests.integration.conftest import SERVICES, node_factory

pytestmark = [pytest.mark.node, pytest.mark.network]
TWELVE, THIRTEEN, OTHER = "release-12", "release-13", "release-13b"
UPLOADS, REDIS = "/web/rich/uploads", "/run/redis-rich/redis.sock"
VERSIONED = ("postgres", "mysql", "redis")  # their servers can't read what newer ones wrote
UNVERSIONED = ("sqlite", "files")
# All that loads and dumps of the instance could leave on a node, by its name.
NAMES = """
cd /; ls -A /web/rich /web/rich/dump /run/redis-rich /var/lib/redis-rich
runuser -u postgres -- psql -XAtc "SELECT datname FROM pg_database WHERE datname LIKE 'rich%' ORDER BY 1"
mariadb -Ne "SHOW DATABASES LIKE 'rich%'"
"""
# What PostgreSQL 15 and 17 say of the same thing in other words.
WORDS_OF_POSTGRES = (
    (r"(?m)^-- Dumped (from database|by pg_dump) version .*", ""),  # whose words they are
    (r"SET transaction_timeout = 0;\n", ""),  # a setting that 15 doesn't know
    (r"ALTER (SEQUENCE|VIEW|MATERIALIZED VIEW) (.* OWNER TO)", r"ALTER TABLE \2"),  # 15 calls all relations tables
    (r"\b(people|counting)\.", ""),  # 17 leaves the table's name away in views of one table
    (r"(?m)^(ALTER DEFAULT PRIVILEGES .*)  (TO|FROM)", r"\1 \2"),  # 15 puts two blanks
)


def odd(node, what):
    """Make odd files among the uploads of a node, as the instance's user, or describe those that are there."""
    program = Path(odd_files.__file__).read_bytes()
    return node.run([*sqlite_data.BECOME, "python3", "-", what, UPLOADS], input=program).stdout.decode()


def fill(node):
    """Make rich data for every service of the instance."""
    postgres_data.fill(node, "rich")
    mysql_data.fill(node, "rich")
    sqlite_data.fill(node)
    node.run(["redis-cli", "-s", REDIS, "--pipe"], input=redis_keys.rich())
    odd(node, "make")


def postgres(node):
    text = postgres_data.contents(node, "rich")
    for pattern, words in WORDS_OF_POSTGRES:
        text = re.sub(pattern, words, text)
    return "\n".join(postgres_data.without(text, *postgres_data.LEFT_OUT))


def redis(node):
    keys = redis_keys.look(node, f"unix://{REDIS}", how="values")
    return "\n".join(f"{key} {about}" for key, about in keys.items())


# What a service holds, as text: an eye of its own, which has nothing of kraftwerk's in it.
CONTENTS = {
    "postgres": postgres,
    "mysql": lambda node: mysql_data.contents(node, "rich"),
    "redis": redis,
    "sqlite": sqlite_data.contents,
    "files": lambda node: odd(node, "describe"),
}


def held(node):
    """Return what each service of a node holds."""
    return {service: look(node) for service, look in CONTENTS.items()}


def differing(one, two, services=tuple(CONTENTS)):
    """Return the first lines that differ in what two nodes hold, by service."""
    found = {}
    for service in services:
        lines = difflib.unified_diff(one[service].splitlines(), two[service].splitlines(), n=0, lineterm="")
        if told := [line[:200] for line in lines][:20]:
            found[service] = told
    return found


def names(node):
    """Return all that a load or a dump could leave on a node, by its name; the live redis is called like its load."""
    return re.sub(r"\b[0-9a-f]{12}\b", "first", node.script(NAMES).stdout.decode())


@pytest.fixture(scope="module")
def nodes(stocked, thirteen):
    """A Debian 12 with rich data, and two of Debian 13 with the same services and no data."""
    with node_factory() as make:
        found = {TWELVE: make(TWELVE, base=stocked)}
        found |= {name: make(name, base=thirteen, release="trixie") for name in (THIRTEEN, OTHER)}
        for node in found.values():
            postgres_data.install(node)
            sqlite_data.as_user(node, f"echo mine >{sqlite_data.FOLDER}/note.txt")  # what no load touches
        fill(found[TWELVE])
        yield found


@pytest.fixture(scope="module")
def run(nodes, kraftwerk, tmp_path_factory):
    """Run kraftwerk in the project of the instance."""
    folder = tmp_path_factory.mktemp("work") / "rich"
    folder.mkdir()
    (folder / "kraftwerk.yaml").write_text(f"wsgi: rich.wsgi:application\nservices: [{', '.join(SERVICES)}]\n")
    return lambda *words, **options: kraftwerk(*map(str, words), cwd=folder, **{"timeout": 300, **options})


@pytest.fixture(scope="module")
def older(nodes, run, tmp_path_factory):
    """Return a dump of Debian 12, and what was in it."""
    path = tmp_path_factory.mktemp("dumps") / "12.kw"
    run("dump", TWELVE, "-o", path)
    return path, held(nodes[TWELVE])


@pytest.fixture(scope="module")
def newer(nodes, run, older, tmp_path_factory):
    """Return a dump of a Debian 13 that has loaded the one of 12, and what was in it."""
    path = tmp_path_factory.mktemp("dumps") / "13.kw"
    run("load", older[0], "--to", THIRTEEN, "--yes")
    run("dump", THIRTEEN, "-o", path)
    return path, held(nodes[THIRTEEN])


def test_from_debian_12_to_13(nodes, older, newer):
    assert differing(older[1], newer[1]) == {}
    assert "user.origin" in newer[1]["files"]  # the file system keeps attributes, or nothing was said about them
    assert names(nodes[THIRTEEN]) == names(nodes[TWELVE])


def test_from_debian_13_to_13(nodes, run, newer):
    run("load", newer[0], "--to", OTHER, "--yes", "--no-backup")
    assert differing(newer[1], held(nodes[OTHER])) == {}
    assert names(nodes[OTHER]) == names(nodes[TWELVE])


@pytest.mark.parametrize("verb", ["load", "copy"])
def test_from_debian_13_to_12_is_refused_before_anything_is_touched(nodes, run, older, newer, verb):
    before = names(nodes[TWELVE])
    copied = ("copy", "--from", "production", "--from-node", THIRTEEN, "--to", "production", "--to-node", TWELVE)
    words = ("load", newer[0], "--to", TWELVE) if verb == "load" else copied
    refused = run(*words, "--yes", check=False)
    assert refused.returncode == 1
    reason = r"the data is of (\w+) (\d+)[\d.]+, which (\w+) (\d+)[\d.]+ on (\S+) can't read"
    assert sorted(re.findall(reason, refused.stderr)) == [
        ("mysql", "11", "mysql", "10", TWELVE),
        ("postgres", "17", "postgres", "15", TWELVE),
        ("redis", "8", "redis", "7", TWELVE),
    ]
    assert "or --skip mysql --skip postgres --skip redis" in refused.stderr
    assert "safety dump" not in refused.stdout
    assert differing(older[1], held(nodes[TWELVE])) == {}
    assert names(nodes[TWELVE]) == before


def test_what_has_no_server_goes_to_debian_12_too(nodes, run, older, newer):
    spoil = f"cd {UPLOADS}; rm -r many sparse; echo x >later; rm {sqlite_data.FOLDER}/*.sqlite*"
    nodes[TWELVE].script(spoil)
    run("load", newer[0], "--to", TWELVE, "--yes", *[word for name in VERSIONED for word in ("--skip", name)])
    found = held(nodes[TWELVE])
    assert differing(newer[1], found, UNVERSIONED) == {}
    assert differing(older[1], found, VERSIONED) == {}


def test_from_debian_12_to_12(nodes, run, older):
    for service in CONTENTS:
        nodeprogram.call(nodes[TWELVE], f"kw_{service}.drop", "rich", "tables")
    run("load", older[0], "--to", TWELVE, "--yes", "--no-backup")
    assert differing(older[1], held(nodes[TWELVE])) == {}
