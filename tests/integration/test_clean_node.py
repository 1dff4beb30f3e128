"""What kraftwerk leaves on a node: never a secret, after whatever crash; and clean-node takes the rest."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kraftwerk import local, localboot, localnet, localproc, machine, saltway
from kraftwerk.node import get_node
from kraftwerk.transport import engine
from tests import secretscan

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "clean-one"
HELD = "/root/held"  # made by a state that then waits until it is gone
HOLD = f"""\
hold/secret:
  file.managed:
    - name: /root/mail.conf
    - mode: '0600'
    - show_changes: false
    - contents_pillar: kraftwerk:secrets:vault:pillar.mail.password

hold/key:
  file.managed:
    - name: /root/mail.key
    - source: salt://hold.key
    - mode: '0600'
    - show_changes: false

hold/gone:
  file.absent:
    - names: [/root/mail.conf, /root/mail.key]

hold/still:
  cmd.run:
    - name: touch {HELD}; while [ -e {HELD} ]; do sleep 0.05; done
"""
PLACE, KEPT = "/web/vault/env", "/.kraftwerk-env"  # where the site's own secret belongs, and in its releases


class Admin:
    """Somebody with a site that has secrets: the site's own, one that only pillar has, and a file of a state."""

    def __init__(self, root, connection):
        self.root, self.connection = root, connection
        self.secrets = [f"sk_live_{secrets.token_hex(16)}" for _ in range(3)]
        self.since = secretscan.begin(connection)
        root.mkdir()
        (root / "vault.py").write_text("def application(environ, start_response):\n    start_response('200 OK', [])\n")
        with (root / "vault.py").open("a") as code:
            code.write("    return [b'here']\n")
        (root / "kraftwerk.yaml").write_text("wsgi: vault\nworkers: 1\n")
        (root / "requirements.txt").write_text("gunicorn\n")
        states = Path(os.environ["KRAFTWERK_HOME"]) / "salt"
        states.mkdir(exist_ok=True)
        (states / "hold.sls").write_text(HOLD)
        (states / "hold.key").write_text(self.secrets[2])

    def start(self, *words):
        """Start a command."""
        command = [sys.executable, "-m", "kraftwerk", *words]
        return subprocess.Popen(
            command, cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *words, code=0, text=""):
        """Run a command to its end and return what it printed."""
        running = self.start(*words)
        printed, _ = running.communicate(text, timeout=300)
        assert running.returncode == code, f"{words}: {running.returncode}\n{printed}"
        return printed

    def leaks(self):
        """Return where one of the secrets stands that doesn't belong there, and what others may read."""
        if saltway.is_stock():  # what a killed run left goes with the next one
            self.run("salt", NODE, "test.ping")
        found = secretscan.look(self.connection, self.since, *self.secrets)
        found["secrets"].remove(PLACE)  # which shows that it looks
        return [path for path in found["secrets"] if not path.endswith(KEPT)], found["open"]

    def hold(self):
        """Begin a run with the secrets in its pillar, and return when it waits in the middle."""
        running = self.start("salt", NODE, "state.apply", "hold")
        assert localproc.wait_until(self.is_held, timeout=60), running.communicate()[0]
        return running

    def is_held(self):
        return self.connection.run(["test", "-e", HELD], check=False).returncode == 0

    def release(self):
        """Let the run go on, and wait for its end on the node."""
        self.connection.run(["rm", "-f", HELD])
        assert localproc.wait_until(lambda: not self.running(), timeout=30)

    def running(self):
        """Return what runs on the node beside the engine itself, where that waits for the next call."""
        (kept,) = json.loads(self.run("clean-node", NODE, "--test", "--json"))
        return kept["processes"][0 if saltway.is_stock() else 1 :]


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory):
    admin = Admin(tmp_path_factory.mktemp("project") / "vault", make_shared_node(NODE, base=converged))
    for key, value in zip(("environ.STRIPE_KEY", "mail.password"), admin.secrets[:2], strict=True):
        admin.run("config", "set", key, "--secret", text=f"{value}\n")
    admin.run("deploy", NODE, "--yes")
    yield admin
    for name in ("hold.sls", "hold.key"):
        (Path(os.environ["KRAFTWERK_HOME"]) / "salt" / name).unlink()


def serves(site):
    return site.connection.text(["curl", "-sfH", f"Host: vault.{NODE}", "http://127.0.0.1/"]) == "here"


def test_nothing_is_left_by_a_deploy_and_a_highstate(site):
    site.run("highstate", NODE)
    assert site.leaks() == ([], [])


def test_nothing_is_left_by_a_run_that_fails(site):
    assert "pillar" in site.run(
        "salt", NODE, "state.single", "test.configurable_test_state", "name=pillar", "result=False", code=1
    )
    assert site.leaks() == ([], [])


def test_nothing_is_left_when_the_client_is_killed(site):
    running = site.hold()
    running.send_signal(signal.SIGKILL)
    running.communicate()
    site.release()
    assert site.leaks() == ([], [])


def test_nothing_is_left_when_salt_is_killed_on_the_node(site):
    running = site.hold()
    (kept,) = json.loads(site.run("clean-node", NODE, "--test", "--json"))
    site.connection.run(["sh", "-c", f"kill -9 {' '.join(map(str, kept['processes']))}; rm -f {HELD}"])
    assert running.communicate()[0] and running.returncode == 1
    site.run("salt", NODE, "test.ping")
    assert site.leaks() == ([], [])


def test_nothing_is_left_by_a_power_cut(site):
    running = site.hold()
    localboot.kill(machine.folder_of(NODE))
    localnet.detach(get_node(NODE).host)
    assert running.communicate()[0] and running.returncode == 1
    local.start(NODE)
    site.connection.run(["rm", HELD])
    assert site.leaks() == ([], [])
    assert localproc.wait_until(lambda: serves(site), timeout=30)


def test_an_engine_of_another_version_gives_way(site):
    call = ("--transport", "engine", "salt", NODE, "test.ping")
    site.run(*call)
    folder = engine.folder(get_node(NODE))
    site.connection.script(f"cd {folder}; for each in ????????????????????????; do mv $each $each.old; done")
    site.run(*call)
    names = site.connection.text(["ls", str(folder)])
    assert ".old" not in names and len(names.split()) <= 2, names


def test_clean_node_shows_then_removes_and_the_next_command_works(site):
    for way in (saltway.STOCK, saltway.ENGINE):
        site.run("--transport", way, "salt", NODE, "test.ping")
    told = site.run("clean-node", NODE, "--test")
    assert "/var/lib/kraftwerk/engine (" in told and "/var/lib/kraftwerk/salt (" in told
    assert re.search(r"[12] process(es)? of it", told), told  # the call before may still be ending
    assert "Remove it? [y/N]" in site.run("clean-node", NODE)
    assert site.run("clean-node", NODE, "--test") == told
    site.run("clean-node", NODE, "--yes")
    assert site.run("clean-node", NODE, "--test") == f"{NODE}: nothing is there\n"
    left = site.connection.text(["ls", "/var/lib/kraftwerk"]).split()
    assert "instances" in left and not {"engine", "salt"} & set(left)
    assert serves(site) and site.run("salt", NODE, "test.ping") == "true\n"
    assert ", 0 failed" in site.run("highstate", NODE)


def test_clean_node_goes_on_where_it_was_interrupted(site):
    site.run("--transport", "engine", "salt", NODE, "test.ping")
    site.connection.run(["mv", "/var/lib/kraftwerk/engine", "/var/lib/kraftwerk/engine.gone"])
    site.run("clean-node", NODE, "--yes")
    assert site.run("clean-node", NODE, "--test") == f"{NODE}: nothing is there\n"
