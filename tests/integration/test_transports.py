"""Salt's calls by the engine and by its stock salt-ssh: the same node, the same words, the same results."""

import getpass
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kraftwerk import lock, saltway
from kraftwerk.node import get_node
from kraftwerk.transport import Connection, stock

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "both-ways"
APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]
"""


@pytest.fixture(scope="module")
def project(make_shared_node, converged, tmp_path_factory):
    """A project with data services, on a node that nothing of it is on yet."""
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "two"
    root.mkdir()
    (root / "two.py").write_text(APPLICATION)
    (root / "kraftwerk.yaml").write_text("wsgi: two\nworkers: 1\nservices: [postgres, files]\n")
    (root / "requirements.txt").write_text("gunicorn\n")
    return root


@pytest.fixture
def run(project):
    """Run a command with one of the transports, and return its exit code and what it printed."""

    def run(way, *words, code=0):
        command = [sys.executable, "-m", "kraftwerk", "--transport", way, *map(str, words)]
        done = subprocess.run(
            command, cwd=project, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    return run


def test_a_site_made_by_one_is_found_in_order_by_the_other(run, home):
    assert "Release 1 is live" in run(saltway.STOCK, "deploy", NODE, "--yes")
    assert Connection(get_node(NODE)).text(["find", "/var/lib/kraftwerk", "/tmp", "-name", "*.tgz"]) == ""
    assert not [path for path in (home / ".state" / "salt" / "sent").rglob("*") if path.is_file()]
    outcomes = [json.loads(run(way, "highstate", NODE, "--test", "--json"))[0] for way in saltway.WAYS]
    seen = [[(each["id"], each["result"], each["changes"]) for each in outcome["results"]] for outcome in outcomes]
    assert seen[0] == seen[1] and {result for _, result, _ in seen[0]} == {True}
    assert "Release 2 is live" in run(saltway.ENGINE, "deploy", NODE, "--yes")
    assert ": 0 changed," in run(saltway.STOCK, "highstate", NODE)


def test_a_change_is_told_alike(run):
    told = []
    for way in saltway.WAYS:
        Connection(get_node(NODE)).run(["sed", "-i", "s/100m/1m/", "/etc/nginx/kraftwerk/two.conf"])
        told.append(run(way, "-v", "highstate", NODE, "--project", "two"))
    changes = [[line for line in printed.splitlines() if line.startswith(" " * 11)] for printed in told]
    assert changes[0] == changes[1] and "+    client_max_body_size 100m;" in "\n".join(changes[0])


def test_dumps_hold_the_same(run, project, tmp_path):
    counts = []
    for way in saltway.WAYS:
        file = tmp_path / f"{way}.kw"
        run(way, "dump", "--output", file)
        shown = json.loads(run(way, "archive", "show", file, "--json"))
        counts.append({each["service"]: each["counts"] for each in shown["manifest"]["services"]})
    assert counts[0] == counts[1] and set(counts[0]) == {"postgres", "files"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("test.arg", "1", "two words", '"3"', "key={a: [é]}"), 0),
        (("kw_postgres.inspect", "two"), 0),
        (("cmd.run_all", "echo out; echo err >&2; exit 3"), 1),
        (("no.such",), 1),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_function_says_the_same(run, words, code):
    told = [run(way, "salt", NODE, *words, "--json", code=code) for way in saltway.WAYS]
    assert ours(told[0]) == ours(told[1])


def ours(printed):
    """Return what was printed but for the numbers that differ from call to call."""
    return [line for line in printed.splitlines() if not any(word in line for word in ("__pub_", '"pid"'))]


def test_runs_at_once_leave_each_other_alone(run):
    words = ("salt", NODE, "state.single", "test.succeed_without_changes", "name=here", "--json")
    with ThreadPoolExecutor() as pool:
        told = list(pool.map(lambda way: run(way, *words), (saltway.STOCK, saltway.ENGINE, saltway.STOCK)))
    printed = [json.JSONDecoder().raw_decode(one)[0] for one in told]  # behind it, on stderr: for whom it waited
    assert [[each["name"] for each in one.values()] for one in printed] == [["here"]] * 3


def test_who_waits_for_another_call_says_so(run):
    command = [sys.executable, "-m", "kraftwerk", "--transport", saltway.STOCK, "salt", NODE, "test.ping"]
    with lock.held(Connection(get_node(NODE)), stock.LOCK):
        waiting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = waiting.stderr.readline()
    assert f"{NODE}: waits for {getpass.getuser()}@" in said and f"after {stock.WAIT} s" in said
    assert waiting.communicate(timeout=300) == ("true\n", "") and waiting.returncode == 0


def test_a_node_that_is_down_is_told_alike(run, make_node):
    node = make_node("both-down")
    run(saltway.ENGINE, "stop-node", "both-down")
    told = [run(way, "salt", node.node.name, "test.ping", code=1) for way in saltway.WAYS]
    assert told[0] == told[1] and "can't be reached" in told[0]
