"""What the services of an instance hold, and their own clients, on a node that has them all."""

import json
import os
import pty
import subprocess
import sys
import termios
import time

import pytest

from kraftwerk import inspection
from kraftwerk.transport import Connection
from tests.integration.conftest import SERVICES

pytestmark = [pytest.mark.node, pytest.mark.network]

# How each client is asked for a number.
ASKED = {
    "postgres": (["-qAtc", "SELECT 40 + 2"], ""),
    "mysql": (["--skip-column-names", "--batch"], "SELECT 40 + 2;"),
    "sqlite": ([], "SELECT 40 + 2;"),
    "redis": (["ECHO", "42"], ""),
}


@pytest.fixture(scope="module")
def root(rich, tmp_path_factory):
    """Return the folder of a project that is the instance on the node."""
    root = tmp_path_factory.mktemp("project") / "rich"
    root.mkdir()
    services = ", ".join(SERVICES)
    places = f"environments: {{production: {{nodes: [{rich.name}]}}}}"
    (root / "kraftwerk.yaml").write_text(f"wsgi: rich\nservices: [{services}]\n{places}\n")
    return root


def kraftwerk(*words, cwd, code=0, stdin=""):
    command = [sys.executable, "-m", "kraftwerk", *words]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def consoles(node):
    return Connection(node).script("ls /run/kraftwerk-console-* 2>/dev/null || true").stdout.decode()


def test_all_services_are_asked_at_once_and_say_what_they_hold(rich, root):
    kraftwerk(
        "console", "postgres", cwd=root, stdin="CREATE TABLE IF NOT EXISTS seen AS SELECT generate_series(1, 42);"
    )
    began = time.monotonic()
    found = json.loads(kraftwerk("inspect", "--json", cwd=root))
    whole = time.monotonic() - began
    assert {name for name, held in found["services"].items() if "error" in held} == set()
    assert set(found["services"]) == set(SERVICES)
    for name, held in found["services"].items():
        kinds = list(held["detail"])
        assert name == "memcached" or kinds == [] or kinds[0] in inspection.UNITS, name
    tables = found["services"]["postgres"]["detail"]["tables"]
    assert [table["count"] for table in tables if table["name"].endswith("seen")] == [42]
    assert sum(held["seconds"] for held in found["services"].values()) + 3 > whole
    printed = kraftwerk("inspect", "postgres", rich.name, cwd=root)
    assert printed.splitlines()[0].startswith("rich on rich (production)")
    assert "42 rows" in printed


def test_growth_is_told_since_the_last_dump(root):
    kraftwerk("dump", cwd=root)
    assert "since the last dump: as dumped" in kraftwerk("inspect", "postgres", cwd=root)
    kraftwerk("console", "postgres", cwd=root, stdin="INSERT INTO seen VALUES (43), (44);")
    assert "since the last dump: +2 rows" in kraftwerk("inspect", "postgres", cwd=root)


def test_a_service_that_does_not_answer_hides_no_other(rich, root):
    connection = Connection(rich)
    connection.script("systemctl stop postgresql")
    try:
        found = json.loads(kraftwerk("inspect", "--json", cwd=root, code=1))
    finally:
        connection.script("systemctl start postgresql")
    assert "error" in found["services"]["postgres"]
    assert "error" not in found["services"]["files"]


@pytest.mark.parametrize("service", ASKED)
def test_a_client_takes_arguments_and_stdin(rich, root, service):
    arguments, stdin = ASKED[service]
    assert kraftwerk("console", service, "--", *arguments, cwd=root, stdin=stdin).strip() == "42"
    assert consoles(rich) == ""


def test_exit_codes_pass_and_what_is_not_there_is_told(root):
    kraftwerk("console", "postgres", "--", "-qc", "SELECT nonsense", cwd=root, code=1)
    kraftwerk("console", "files", cwd=root, code=1)
    kraftwerk("console", "nothing", cwd=root, code=2)


def test_on_a_terminal_a_client_is_interactive(root):
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.environ["TERM"] = "dumb"
        os.execv(sys.executable, [sys.executable, "-m", "kraftwerk", "console", "postgres"])
    termios.tcsetwinsize(terminal, (24, 80))  # else psql shows each answer in a pager
    seen = b""
    while b"rich=>" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"SELECT 40 + 2 AS sum;\n")
    while b"42" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\\q\n")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
