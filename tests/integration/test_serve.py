"""serve on a real node: --full has the whole stack follow what is saved, --services lends a node's databases."""

import subprocess
import sys
import time

import pytest

from kraftwerk import project, release
from kraftwerk.instance import instance_name
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.served import ask, serving

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "serve-one"
HOST = f"shop-development.{NODE}"
READY = "follows what you save"
SLOTS = "/web/shop-development/slots"

MANAGE = """\
import sys
from pathlib import Path

assert sys.argv[1] == "collectstatic"
for file in Path("assets").iterdir():
    (Path("collected") / file.name).write_text(file.read_text())
"""
SITE = """\
import os
import psycopg

def application(environ, start_response):
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        name = database.execute("select current_database()").fetchone()[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ.get("PATH_INFO") == "/late":
        from imported_late import WORDS

        return [WORDS]
    return [f"{VERSION} {name} {os.environ['GREETING']}".encode()]

VERSION = "one"
"""
FILES = {
    "site_of_mine.py": SITE,
    "tasks.py": MANAGE,
    "imported_late.py": "WORDS = b'late'\n",
    "worker.py": "import time\nprint('working as one', flush=True)\ntime.sleep(600)\n",
    "assets/site.css": "p {}\n",
    "requirements.txt": "psycopg[binary]\n",
    "kraftwerk.yaml": "wsgi: site_of_mine\nworkers: 4\nservices: [postgres]\nstatic: {/static/: collected}\n"
    "release: python tasks.py collectstatic\nprocesses: {worker: python worker.py}\n",
    "pillar/development.sls": "environ: {GREETING: hello}\n",
}


@pytest.fixture(scope="module")
def connection(make_shared_node, converged):
    return make_shared_node(NODE, base=converged)


@pytest.fixture(scope="module")
def root(connection, tmp_path_factory):
    root = tmp_path_factory.mktemp("serve") / "shop"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def full(root):
    with serving(root, "--full", NODE, ready=READY) as served:
        yield served


def seen(path="/"):
    return ask(80, path, get_node(NODE).host, Host=HOST)


def test_services_of_a_node_are_used_from_here(root):
    words = [
        "serve",
        "--services",
        NODE,
        "--",
        "python",
        "-c",
        "from site_of_mine import *; print(*application({}, print))",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "kraftwerk", *words], cwd=root, capture_output=True, text=True, timeout=120
    )
    assert "one shop-development hello" in done.stdout, done.stderr
    assert "no such" not in done.stderr
    assert Connection(get_node(NODE)).run(["ls", "/run/kraftwerk-serve"]).stdout == b""


def test_it_is_deployed_for_development_as_a_release_of_its_own(full, connection):
    assert seen() == (200, "one shop-development hello")
    live = history(full.root).releases[1]
    assert (live.state, live.served) == ("live", True)


def history(root):
    instance = project.parse(root).instance("development", NODE)
    assert instance.name == instance_name("shop", "development")
    return release.read(Connection(get_node(NODE)), instance)


def test_code_and_workers_follow_within_two_seconds(full):
    full.write("worker.py", FILES["worker.py"].replace("one", "two"))
    full.wait("worker    │ working as two")
    began = time.monotonic()
    full.write("site_of_mine.py", SITE.replace('"one"', '"two"'))
    full.until(lambda: seen()[1].startswith("two"))
    assert time.monotonic() - began < 10  # it is 0.5 s on an idle machine: tests/benchmarks/test_serve_speed.py
    full.wait("site_of_mine.py → live in")
    full.until(lambda: workers() == 4)


def workers():
    """Return how many workers serve: gunicorn's children; there are more once one of them is live."""
    pid = f"/etc/service/shop-development-web-$(readlink {SLOTS}/live)/supervise/pid"
    return int(Connection(get_node(NODE)).text(["sh", "-c", f"pgrep -c -P $(cat {pid}) || true"]))


def test_static_files_follow(full):
    assert seen("/static/site.css") == (200, "p {}\n")
    full.write("assets/site.css", "p {color: red}\n")
    full.until(lambda: seen("/static/site.css") == (200, "p {color: red}\n"))


def test_files_that_go_are_gone(full):
    on_node = "/web/shop-development/current"
    full.write("extra/more.py", "")
    full.until(
        lambda: Connection(get_node(NODE)).run(["test", "-e", f"{on_node}/extra/more.py"], check=False).returncode == 0
    )
    (full.root / "extra" / "more.py").unlink()
    full.until(
        lambda: Connection(get_node(NODE)).run(["test", "-e", f"{on_node}/extra/more.py"], check=False).returncode
    )


def test_a_mistake_leaves_what_serves(full):
    full.write("site_of_mine.py", SITE + "def (\n")
    full.wait("what was live before serves on; the next save tries again")
    assert "SyntaxError" in full.log
    assert seen() == (200, "two shop-development hello")
    full.write("imported_late.py", "WORDS = (\n")
    full.until(lambda: full.log.count("the next save tries again") >= 2)
    assert seen("/late") == (200, "late")  # what serves imports it only now, and from its own folder
    full.write("imported_late.py", FILES["imported_late.py"])
    full.until(lambda: full.log.count("the next save tries again") >= 3)
    full.write("site_of_mine.py", SITE.replace('"one"', '"mended"'))
    full.until(lambda: seen()[1].startswith("mended"))


def test_requirements_and_settings_take_a_deploy_of_their_own(full):
    full.write("requirements.txt", "psycopg[binary]\nsix\n")
    full.wait("requirements.txt changed: deploying again")
    full.until(lambda: history(full.root).live == 3)
    full.wait("live again")
    assert "six" in history(full.root).packages
    assert not {1, 2} & history(full.root).releases.keys()  # nobody goes back to what was served


def test_it_ends_with_the_way_on(full):
    assert full.end() == 0
    assert f"next: kraftwerk deploy {NODE} --env development" in full.log
    assert seen() == (200, "mended shop-development hello")


def test_a_deploy_leaves_it_for_good(root, kraftwerk):
    kraftwerk("deploy", NODE, "--env", "development", "--yes", cwd=root)
    assert {number: each.state for number, each in history(root).releases.items()} == {5: "live"}
    answer = kraftwerk("rollback", "--node", NODE, "--env", "development", cwd=root, check=False)
    assert "there is no earlier release" in answer.stderr  # nobody deployed what was served
