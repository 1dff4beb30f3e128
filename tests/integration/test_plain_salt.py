"""Plain Salt works beside kraftwerk, from a checkout and from a project, and writes in kraftwerk's folders only."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import installed
from tests.console import ROOT
from tests.sandbox import SCRIPTS, Sandbox, search_path

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "plain-blue"
USER = "kw-plain-test"
SALTS_OWN = ("/etc/salt", "/var/cache/salt", "/var/log/salt", "/var/run/salt", "/srv/salt", "/srv/pillar")
OURS = {".config/kraftwerk", ".local/state/kraftwerk", ".cache"}


def traces():
    """What plain Salt leaves behind where nobody tells it better: the folders and their times of change."""
    return {name: os.stat(name).st_mtime for name in SALTS_OWN if os.path.exists(name)}


def foreign(home):
    """Return the files of a home folder that are not in kraftwerk's own folders, nor what was laid there before."""
    names = (str(path.relative_to(home)) for path in home.rglob("*") if not path.is_dir())
    kept = (*OURS, ".config/pip", ".pip", "mysite")
    return [name for name in names if not name.startswith(tuple(f"{folder}/" for folder in kept))]


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    """The user who made the node, with the programs of the tests' virtualenv."""
    before = traces()
    with Sandbox(tmp_path_factory.mktemp("plain") / "home", search_path(SCRIPTS)) as sandbox:
        sandbox.run("kraftwerk", "create-node", NODE, "--provider", "local", timeout=300)
        sandbox.run("kraftwerk", "init", "mysite", cwd=sandbox.home)
        sandbox.run("kraftwerk", "salt", NODE, "test.ping")
        yield sandbox
        assert traces() == before and not foreign(sandbox.home)


@pytest.fixture
def ordinary(admin):
    """An ordinary user, without sudo, with kraftwerk installed in a place that everybody can read."""
    folder = Path(tempfile.mkdtemp(prefix="kw-plain-"))
    folder.chmod(0o755)
    home = folder / "home"
    try:
        programs = installed.install(folder, "/usr/bin/python3")  # the tests' own Python may be in a home folder
        with (
            without_privilege(home) as prefix,
            Sandbox(home, search_path(programs), prefix=prefix, shared_cache=False) as sandbox,
        ):
            if os.geteuid() == 0:
                subprocess.run(["chown", "--recursive", f"{USER}:", home, sandbox.runtime], check=True)
            yield sandbox
    finally:
        shutil.rmtree(folder)


@contextmanager
def without_privilege(home):
    """Yield the words before a command that take root from it, and sudo: root becomes another user."""
    if os.geteuid():
        yield ("setpriv", "--no-new-privs", "--")
        return
    subprocess.run(["useradd", "--no-create-home", "--home-dir", home, USER], check=True, capture_output=True)
    try:
        yield ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--")
    finally:
        subprocess.run(["userdel", "--force", USER], check=False, capture_output=True)


def folder_of(place, user):
    return ROOT if place == "checkout" else user.home / "mysite"


@pytest.mark.parametrize("place", ["checkout", "project"])
def test_salt_ssh(admin, place):
    folder = folder_of(place, admin)
    assert "True" in admin.run("salt-ssh", NODE, "test.ping", cwd=folder)
    assert "- nginx" in admin.run("salt-ssh", NODE, "state.show_top", cwd=folder)
    assert NODE in admin.run("salt-ssh", NODE, "pillar.get", "kraftwerk:node:name", cwd=folder)


@pytest.mark.parametrize("place", ["checkout", "project"])
def test_salt_cloud(admin, place):
    folder = folder_of(place, admin)
    assert "kw_local" in admin.run("salt-cloud", "--list-providers", cwd=folder)
    assert NODE in admin.run("salt-cloud", "--query", cwd=folder)


def test_any_function_through_kraftwerk(admin):
    assert admin.run("kraftwerk", "salt", NODE, "test.ping").strip() == "true"
    assert admin.run("kraftwerk", "salt", NODE, "cmd.run", "uname -n").strip() == NODE
    assert admin.run("kraftwerk", "salt", NODE, "no.such", code=1)


def test_a_projects_own_states_come_first(admin):
    folder = admin.home / "mysite"
    (folder / "salt").mkdir(exist_ok=True)
    (folder / "salt" / "top.sls").write_text("base:\n  '*': [own]\n")
    printed = admin.run("salt-ssh", NODE, "state.show_top", cwd=folder)
    assert "- own" in printed and "- nginx" not in printed


def test_as_an_ordinary_user(admin, ordinary):
    """Without any privilege: adopt the node by its address, then plain Salt from a project."""
    ordinary.run("kraftwerk", "create-node", "mine", "--host", "192.0.2.1", "--port", "1", "--yes", code=1)
    key = (ordinary.home / ".config/kraftwerk/keys/id_ed25519.pub").read_text().strip()
    admin.run("kraftwerk", "salt", NODE, "ssh.set_auth_key", "root", key.split()[1], "enc=ssh-ed25519")
    ordinary.run("kraftwerk", "create-node", "mine", "--host", admin.nodes()[NODE], "--yes")
    ordinary.run("kraftwerk", "init", "mysite", cwd=ordinary.home)
    assert ordinary.run("kraftwerk", "salt", "mine", "test.ping").strip() == "true"
    folder = ordinary.home / "mysite"
    assert "True" in ordinary.run("salt-ssh", "mine", "test.ping", cwd=folder)
    assert "- nginx" in ordinary.run("salt-ssh", "mine", "state.show_top", cwd=folder)
    assert "kw_local" in ordinary.run("salt-cloud", "--list-providers", cwd=folder)
    assert not foreign(ordinary.home)
