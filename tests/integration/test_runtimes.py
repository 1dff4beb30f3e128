"""What projects run on, on real nodes: asgi with websockets, queues, locks of other tools, a Python that is fetched."""

from pathlib import Path

import pytest

from kraftwerk import localargv
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.meanwhile import repeated
from tests.pythons import mirror
from tests.waiting import wait_for
from tests.websocket import Websocket

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NEW = "runtimes-one", "runtimes-new"
SITES = Path(__file__).parents[1] / "sites"

LOCK = """
[[package]]
name = "idna"
version = "3.10"
optional = false
files = [{file = "idna-3.10-py3-none-any.whl", hash = "sha256:%s"}]

[[package]]
name = "iniconfig"
version = "2.0.0"
optional = true
files = [{file = "i", hash = "sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374"}]

[[package]]
name = "pytest"
version = "8.0.0"
optional = false
files = []

[extras]
more = ["iniconfig"]

[metadata]
lock-version = "2.0"
"""
HASH = "946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3"
PYPROJECT = """
[tool.poetry]
name = "till"
version = "1"
description = ""
authors = []
packages = [{include = "till", from = "src"}]
[tool.poetry.dependencies]
python = "^3.9"
idna = "^3"
iniconfig = {version = "*", optional = true}
[tool.poetry.extras]
more = ["iniconfig"]
[tool.poetry.group.dev.dependencies]
pytest = "*"
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""
TILL = """
import sys
from importlib.metadata import distributions

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = sorted(f"{found.name} {found.version}" for found in distributions())
    return [f"{sys.version.split()[0]} {', '.join(names)} {__file__}".encode()]
"""


class Site:
    """A project here, and what it is on a node."""

    def __init__(self, kraftwerk, root, node):
        self.root, self.node, self.kraftwerk = root, node, kraftwerk

    def deploy(self, code=0):
        done = self.kraftwerk("deploy", self.node, "--yes", cwd=self.root, timeout=600, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def edit(self, file, old, new):
        path = self.root / file
        path.write_text(path.read_text().replace(old, new))

    def on(self, script):
        return Connection(get_node(self.node)).script(script).stdout.decode().strip()

    def answer(self, path="/"):
        return self.on(f"curl -sS -H 'Host: {self.root.name}.{self.node}' 'http://127.0.0.1{path}'")


@pytest.fixture(scope="module")
def copied(kraftwerk, tmp_path_factory):
    """Copy a site of tests/sites to where it is edited."""

    def copy(name, node):
        root = tmp_path_factory.mktemp("project") / name
        root.mkdir()
        for path in (SITES / name).iterdir():
            (root / path.name).write_bytes(path.read_bytes())
        return Site(kraftwerk, root, node)

    return copy


@pytest.fixture(scope="module")
def node(make_shared_node, converged):
    return make_shared_node(NODE, base=converged)


def test_a_switch_fails_no_request_and_has_websockets_come_back_to_the_new_release(node, copied):
    site = copied("chat", NODE)
    site.deploy()
    address, host = get_node(NODE).host, f"chat.{NODE}"
    assert site.answer() == "one started http"
    socket = Websocket(address, host)
    assert (socket.status, socket.hear()) == (101, "one")
    socket.say("hello")
    assert socket.hear() == "echo hello"
    slow = []
    with repeated(lambda: slow.append(site.answer("/slow"))):
        site.edit("chat.py", '"one"', '"two"')
        printed = site.deploy()
    assert socket.hear() == 1012  # "service restart", once the time is over that connections are given
    assert "live in" in printed and set(slow) == {"012end"}
    again = Websocket(address, host)
    assert again.hear() == "two"
    for each in (socket, again):
        each.close()


def test_workers_finish_what_they_began_and_there_is_one_beat(node, copied):
    site = copied("jobs", NODE)
    site.deploy()
    site.answer("/start/4")
    wait_for(lambda: site.answer().count("begins one") == 3)
    site.edit("jobs.py", '"one"', '"two"')
    site.deploy()
    beats = []

    def finished():
        beats.append(site.on("pgrep -fc 'celery --app jobs bea[t]' || true"))
        return site.answer().count("ends one") == 3

    wait_for(finished)
    site.answer("/start/0")
    wait_for(lambda: site.answer().count("ends two") == 3 and "ticks-two" in site.answer())
    assert set(beats) <= {"0", "1"}
    assert [line for line in site.answer().splitlines() if line.endswith("one")].count("celery begins one") == 1


def test_a_fetched_python_and_a_lock_of_poetry(node, thirteen, make_shared_node, copied, kraftwerk, home, tmp_path):
    make_shared_node(NEW, base=thirteen, release="trixie")
    site = Site(kraftwerk, tmp_path / "till", NEW)
    (site.root / "src" / "till").mkdir(parents=True)
    (site.root / "src" / "till" / "__init__.py").write_text(TILL)
    (site.root / "pyproject.toml").write_text(PYPROJECT)
    (site.root / "poetry.lock").write_text(LOCK % HASH)
    (site.root / "kraftwerk.yaml").write_text('wsgi: till\nworkers: 1\npython: "3.11"\nextras: more\n')
    pillar = home / "pillar"
    pillar.mkdir(exist_ok=True)
    try:
        with mirror(tmp_path, node, localargv.GATEWAY) as url:
            settings = f"kraftwerk:\n  settings:\n    python: {{downloads: '{url}'}}\n"
            (pillar / "runtimes.sls").write_text(settings)
            (pillar / "top.sls").write_text(f"base:\n  '{NEW}': [runtimes]\n")
            site.deploy()
            said = site.answer()
            assert said.startswith("3.11.2 ") and "idna 3.10, iniconfig 2.0.0, " in said and "till 1" in said
            assert "pytest" not in said
            assert said.endswith("/web/till/releases/1/src/till/__init__.py")
            (site.root / "kraftwerk.yaml").write_text('wsgi: till\npython: "3.10"\n')
            assert f"{NEW} has Python 3.11, 3.13, and 3.10 can't be fetched: " in site.deploy(code=1)
    finally:
        for name in ("runtimes.sls", "top.sls"):
            (pillar / name).unlink(missing_ok=True)
    (site.root / "kraftwerk.yaml").write_text('wsgi: till\npython: "3.11"\n')
    (site.root / "poetry.lock").write_text(LOCK % HASH.replace("9", "8"))
    assert "Hash mismatch" in site.deploy(code=1)
    assert site.answer().startswith("3.11.2 ")
