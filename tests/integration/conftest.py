"""For tests on real nodes: a home of its own for the run, and factories that remove the nodes that they made."""

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import tests.packaged
from kraftwerk import admin, flock, highstate, local, localbase, process, snapshot
from kraftwerk.instance import Instance
from kraftwerk.transport import Connection

# Every service that has states.
SERVICES = sorted(path.name for path in (Path(__file__).parents[2] / "salt" / "services").iterdir() if path.is_dir())
SERVICES.remove("couchdb") if "couchdb" in SERVICES else None  # its packages aren't Debian's

# What nodes have that don't ask for a release: `TESTS_RELEASE=trixie pytest …` runs tests on Debian 13.
RELEASE = os.environ.get("TESTS_RELEASE", "bookworm")
VERSIONS = {
    "bookworm": {"python": "3.11", "mariadb": "10.11", "redis": "7.0"},
    "trixie": {"python": "3.13", "mariadb": "11.8", "redis": "8.0"},
}[RELEASE]


@pytest.fixture(scope="session")
def home():
    """The run's KRAFTWERK_HOME with its key; the cache with the bases is everybody's."""
    admin.ensure()
    return Path(os.environ["KRAFTWERK_HOME"])


@contextmanager
def node_factory():
    """Yield a function that makes a local node (`local.create`) and returns a connection to it."""
    with ExitStack() as stack:

        def make(name, **options):
            stack.callback(local.destroy, name)
            connection = Connection(local.create(name, **{"release": RELEASE, **options}))
            if "base" in options:  # ssh answers before the servers that the base has
                connection.run(["systemctl", "is-system-running", "--wait"], check=False)
            return connection

        yield make


@pytest.fixture
def make_node(home):
    """Make nodes that are removed after the test: `make_node("blue", release="trixie")`."""
    with node_factory() as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_node(home):
    """Make nodes that are removed after the file's tests: those of the next find no other's sites."""
    with node_factory() as make:
        yield make


def make_base(name, instance, **options):
    """Make a base of what a node has on it with an instance."""
    with node_factory() as make:
        connection = make(name, **options)
        outcome = highstate.converge(connection.node, instance)
        assert not outcome.failed, highstate.report(outcome)
        connection.close()
        local.stop(name)
        snapshot.keep(name, name)


def shared_base(kind, make):
    """Return the name of a base that whoever needs it first makes for all of this run; tests/conftest.py removes it."""
    name = f"{kind}-{os.environ['TESTS_RUN']}"
    folder = localbase.bases_home() / name
    with flock.held(folder.with_name(f".{name}.lock"), busy=f"{name} is being made", timeout=900):
        if not folder.exists():
            remove_left_bases()
            make(name)
    return name


def remove_left_bases():
    """Remove the bases of runs that were killed, a gigabyte each, but for those that a node still stands on."""
    in_use = snapshot.layers_in_use()
    for base in localbase.bases_home().glob("[!.]*-run*"):
        ended = not Path("/proc", base.name.rpartition("-run")[2]).exists()
        if ended and base / "upper" not in in_use:
            snapshot.remove(base.name)


def plain_instance(name, *services, **keys):
    """Return an instance of a project in plain WSGI, in production."""
    keys = {"wsgi": f"{name}.wsgi:application", "domains": (f"{name}.test",), **keys}
    return Instance(name=name, project=name, environment="production", services=services, **keys)


@pytest.fixture(scope="session")
def converged(home):
    """Return the name of a base that has on it what a converged node has; its only instance is `mysite`, not deployed.

    Clones of it are made with `make_node(name, base=converged)` and have all packages already.
    """
    return shared_base("converged", lambda name: make_base(name, plain_instance("mysite", "postgres", "files")))


@pytest.fixture(scope="module")
def node(converged):
    """Return a converged node with the instance `mysite`, which nothing is deployed of."""
    with node_factory() as make:
        yield make("converged", base=converged).node


@pytest.fixture(scope="session")
def stocked(converged):
    """Return the name of a base like `converged`, with a second instance `rich` that has every service."""
    return shared_base("stocked", lambda name: make_base(name, plain_instance("rich", *SERVICES), base=converged))


@pytest.fixture(scope="session")
def thirteen(home):
    """Return the name of a base of Debian 13, converged from nothing; its only instance `rich` has every service."""
    instance = plain_instance("rich", *SERVICES)
    return shared_base("thirteen", lambda name: make_base(name, instance, release="trixie"))


@pytest.fixture(scope="session")
def packaged(converged, kraftwerk, tmp_path_factory):
    """Return a folder for XDG_CACHE_HOME: local nodes have the packages of a first deploy already, and no site."""
    folder = tmp_path_factory.mktemp("packaged")
    base = shared_base("packaged", lambda name: tests.packaged.keep(name, converged, kraftwerk, folder))
    with tests.packaged.cache(base) as cache:
        yield cache


@pytest.fixture(scope="module")
def rich(stocked):
    """Return a node with the instance `rich`, which has every service, and which nothing is deployed of."""
    with node_factory() as make:
        yield make("rich", base=stocked).node


@pytest.fixture
def forget_node(home):
    """Have nodes removed after the test that something else made."""
    with ExitStack() as stack:
        yield lambda name: stack.callback(local.destroy, name)


@pytest.fixture(scope="session")
def kraftwerk(home):
    """Run the command line in a process of its own: `kraftwerk("nodes", "--json").stdout`."""

    def run(*arguments, check=True, timeout=300, **options):
        command = [sys.executable, "-m", "kraftwerk", *arguments]
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False, **options
        )
        assert not check or answer.returncode == 0, answer.stderr + answer.stdout
        return answer

    return run


@pytest.fixture
def salt_cloud(home):
    """Run the real salt-cloud on the configuration that kraftwerk wrote."""
    from kraftwerk import saltconf

    def run(*arguments):
        program = Path(sys.executable).with_name("salt-cloud")
        folder = saltconf.write().parent
        return process.run([str(program), "-c", str(folder), "--out=json", *arguments], check=False, timeout=60)

    return run
