"""A node that reaches nothing and is reached by ssh alone: sites are deployed to it from a folder of wheels."""

import json
import shutil
import subprocess
import sys

import pytest

from kraftwerk import localargv
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.integration.conftest import VERSIONS
from tests.wheel_files import make_wheel

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "wheels-cut"
APP = """\
import till
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [till.VERSION.encode()]
"""
# Nothing gets out but answers, nothing in but ssh; the node's own services talk among themselves.
CUT = """\
table inet cut {
  chain in { type filter hook input priority 0; policy drop;
    iif lo accept; ct state established accept; tcp dport 22 accept
  }
  chain out { type filter hook output priority 0; policy drop; oif lo accept; ct state established accept; }
}
"""
ASK = "curl --silent --max-time 10 --header 'Host: shop.wheels-cut' http://127.0.0.1/"


class Site:
    """A project here, and what it is on the node."""

    def __init__(self, root):
        self.root, self.wheels = root, root / "wheels"
        (root / "kraftwerk.yaml").write_text("wsgi: shop\nworkers: 1\nwheels: wheels\n")
        (root / "shop.py").write_text(APP)
        self.connection = Connection(get_node(NODE))

    def require(self, *lines):
        (self.root / "requirements.txt").write_text("\n".join([*lines, ""]))

    def run(self, *words, code=0):
        """Run a kraftwerk command as a user would; return all that it printed."""
        command = [sys.executable, "-m", "kraftwerk", *words]
        done = subprocess.run(
            command, cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def deploy(self, code=0):
        return self.run("deploy", NODE, "--yes", code=code)

    def on(self, script):
        return self.connection.script(script, check=False).stdout.decode().strip()

    def reaches_an_index(self):
        uv = "UV_HTTP_RETRIES=0 /opt/kraftwerk/uv/bin/uv pip install --no-cache --target $(mktemp -d)"
        return self.on(f"{uv} gunicorn >/dev/null 2>&1 && echo yes") == "yes"

    def make(self, folder, name, version, **options):
        self.run("wheels", "add", str(make_wheel(folder, name, version, **options)))

    def state(self):
        """Return all that a deploy could have touched on the node."""
        return self.on("cd /web && ls -d shop/releases/* shop/venvs/* .wheels/*; readlink shop/current")


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "shop"
    root.mkdir()
    site = Site(root)
    made = tmp_path_factory.mktemp("made")
    site.make(made, "till", "1.0", requires=["coins>=1"])
    site.make(made, "coins", "1.0")
    site.make(made, "coins", "1.1")
    site.require("till==1.0", "coins==1.0")
    site.run("wheels", "build", "--for", NODE)
    assert site.reaches_an_index()
    netns = localargv.link_of(site.connection.node.host)
    subprocess.run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input=CUT.encode(), check=True)
    assert not site.reaches_an_index()
    site.on("rm -rf /opt/kraftwerk/uv /web/.cache")  # a node that never reached an index has no uv either
    return site


@pytest.fixture(scope="module")
def live(site):
    """The site with its first release, deployed to the node that is cut off."""
    site.first = site.deploy()
    return site


def test_a_release_is_made_of_wheels_alone(live):
    assert "wheels ✓ 4 sent" in live.first  # till, coins, gunicorn, uv
    assert live.on(ASK) == "1.0"
    installed = "from importlib.metadata import version as v; print(v('till'), v('coins'))"
    assert live.on(f'/web/shop/current/venv/bin/python -c "{installed}"') == "1.0 1.0"
    assert "wheels" not in live.on("ls /web/shop/current/").split()


def test_of_an_update_only_what_changed_is_sent_and_it_can_be_taken_back(live, tmp_path):
    live.make(tmp_path, "till", "1.1", requires=["coins>=1"])
    live.require("till", "coins==1.0")
    plan = json.loads(live.run("deploy", NODE, "--plan", "--json"))
    assert plan["packages"] == {"added": {}, "changed": {"till": ["1.0", "1.1"]}, "removed": {}}
    assert "wheels ✓ 1 sent" in live.deploy()
    assert live.on(ASK) == "1.1"
    live.run("rollback")
    assert live.on(ASK) == "1.0"


def test_a_fork_is_built_from_its_repository(live, tmp_path):
    fork = tmp_path / "fork"
    (fork / "src").mkdir(parents=True)
    (fork / "pyproject.toml").write_text('[project]\nname = "till"\nversion = "1.1+shop.1"\n')
    (fork / "src" / "till.py").write_text('VERSION = "forked"\n')
    git = ["git", "-C", str(fork), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=fork"]):
        subprocess.run([*git, *words], check=True)
    live.require(f"till @ git+file://{fork}", "coins==1.0")
    refused = live.deploy(code=1)
    assert f"kraftwerk wheels build 'till @ git+file://{fork}' --for {NODE}" in refused
    live.run("wheels", "build", f"till @ git+file://{fork}", "--for", NODE)
    assert "wheels ✓ 1 sent" in live.deploy()
    assert live.on(ASK) == "forked"
    live.run("rollback")


def test_a_folder_of_the_project_is_built_on_the_node(live, tmp_path):
    folder = live.root / "lib" / "till"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "till"\nversion = "2.0"\ndependencies = ["coins"]\n'
        '[tool.setuptools]\npy-modules = ["till"]\n'
    )
    (folder / "till.py").write_text('VERSION = "of the project"\n')
    live.require("./lib/till", "coins==1.0")
    assert "setuptools" in live.deploy(code=1)
    live.run("wheels", "build", "--for", NODE)
    live.deploy()
    assert live.on(ASK) == "of the project"
    live.run("rollback")
    shutil.rmtree(live.root / "lib")


def test_a_missing_wheel_is_named_with_the_command_that_builds_it(live):
    before = live.state()
    live.require("till==1.0", "coins==1.0", "nothing-like-it==3")
    said = live.deploy(code=1)
    assert "nothing-like-it==3: no wheel of it" in said
    assert f"→ kraftwerk wheels build nothing-like-it==3 --for {NODE}" in said
    assert live.state() == before


def test_a_wheel_for_another_python_is_named(live, tmp_path):
    before = live.state()
    live.make(tmp_path, "drawer", "1.0", tag="cp39-cp39-linux_x86_64")
    live.require("till==1.0", "coins==1.0", "drawer")
    assert f"drawer-1.0-cp39-cp39-linux_x86_64.whl is not for Python {VERSIONS['python']}" in live.deploy(code=1)
    assert live.state() == before


def test_a_changed_wheel_is_refused(live):
    before = live.state()
    wheel = live.wheels / "coins-1.0-py3-none-any.whl"
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"\0")
    live.require("till==1.1", "coins==1.0")
    assert "not what was recorded in release_log: coins-1.0-py3-none-any.whl" in live.deploy(code=1)
    assert "changed since it was recorded" in live.run("wheels", "verify", code=1)
    wheel.write_bytes(content)
    assert live.state() == before
    assert live.on(ASK) == "1.0"
