"""Secrets on a real node: encrypted in the repository and the registry, plain in the env file and nowhere else."""

import hashlib
import http.client
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.meanwhile import arguments_seen

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "secrets-one"
APPLICATION = """\
import hashlib, os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hashlib.sha256(os.environ.get(environ["PATH_INFO"][1:], "").encode()).hexdigest().encode()]
"""
EVERYWHERE = "cd / && grep -rlaF --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev -f - . | sort"
ARCHIVES = "find / -xdev -name salt_state.tgz -o -xdev -name pillar.json"


def digest(value):
    return hashlib.sha256(value.encode()).hexdigest()


class Site:
    """A project here, and what it is on the node."""

    def __init__(self, root, temporary):
        self.root, self.temporary = root, temporary
        (root / "vault.py").write_text(APPLICATION)
        (root / "kraftwerk.yaml").write_text("wsgi: vault\nworkers: 1\n")
        (root / "requirements.txt").write_text("gunicorn\n")
        self.home = os.environ["KRAFTWERK_HOME"]

    def run(self, *words, code=0, text="", home=None):
        """Run a kraftwerk command as an admin would; return all that it printed."""
        environ = {**os.environ, "KRAFTWERK_HOME": str(home or self.home), "TMPDIR": str(self.temporary)}
        command = [sys.executable, "-m", "kraftwerk", *words]
        done = subprocess.run(
            command, cwd=self.root, input=text, capture_output=True, text=True, timeout=300, env=environ
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def set(self, key, value):
        return self.run("config", "set", key, "--secret", text=f"{value}\n")

    def on(self, script, text=""):
        return Connection(get_node(NODE)).run(["sh", "-c", script], input=text.encode()).stdout.decode()

    def live(self):
        """Return the folder of the live release, below the site's."""
        return self.on("readlink /web/vault/current").strip()

    def answer(self, variable):
        """Return the digest of a variable's value, as the application says it."""
        connection = http.client.HTTPConnection(get_node(NODE).host, timeout=10)
        connection.request("GET", f"/{variable}", headers={"Host": f"vault.{NODE}"})
        return connection.getresponse().read().decode()


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "vault"
    root.mkdir()
    return Site(root, tmp_path_factory.mktemp("temporary"))


@pytest.fixture(scope="module")
def value():
    return f"sk_live_{secrets.token_hex(16)}"


@pytest.fixture(scope="module")
def deployed(site, value):
    """Have a site live that has three secrets; return what was printed, and the command lines meanwhile."""
    site.set("environ.STRIPE_KEY", value)
    site.set("mail.password", value[::-1])
    site.run("config", "set", "SECRET_KEY", "--generate")
    made = site.run("config", "get", "SECRET_KEY", "--reveal").strip()
    with arguments_seen() as seen:
        printed = site.run("deploy", NODE, "--yes", "-vv")
    return made, printed, seen


@pytest.fixture(scope="module")
def colleague(site, tmp_path_factory):
    """The home of a second admin, who can log in on the node but has an identity of their own."""
    home = tmp_path_factory.mktemp("colleague") / "home"
    (home / "keys").mkdir(parents=True)
    for name in ("keys/id_ed25519", "keys/id_ed25519.pub", "known_hosts"):
        shutil.copy2(Path(site.home) / name, home / name)
    entry = {"host": get_node(NODE).host, "user": "root", "thin_dir": get_node(NODE).salt_folder}
    (home / "nodes").write_text(yaml.safe_dump({NODE: entry}))
    return home


def test_the_application_gets_them_and_nobody_prints_them(site, deployed, value):
    made, printed, seen = deployed
    assert site.answer("STRIPE_KEY") == digest(value)
    assert site.answer("SECRET_KEY") == digest(made)
    assert not [secret for secret in (value, value[::-1], made) if secret in printed]
    assert seen
    assert not [words for words in seen if any(each.encode() in words for each in (value, value[::-1], made))]
    assert site.on("ls /etc/kraftwerk/secrets").split() == ["mysite"]  # the repository's wins over a node's own


def test_they_stand_in_the_env_file_of_the_node_and_nowhere_else(site, deployed, value):
    for secret in (value, deployed[0]):
        assert site.on(EVERYWHERE, secret).split() == ["./web/vault/env", f"./web/vault/{site.live()}/.kraftwerk-env"]
    assert site.on(ARCHIVES) == ""
    modes = site.on("stat -c '%U:%G %a' /web/vault/env /web/vault/current/.kraftwerk-env")
    assert modes.splitlines() == ["root:web-vault 640"] * 2


def test_states_of_one_s_own_get_theirs_by_pillar_and_it_stays_nowhere(site, deployed, value):
    path = "kraftwerk:secrets:vault:pillar.mail.password"
    assert value[::-1] in site.run("salt", NODE, "pillar.get", path)
    assert site.on(EVERYWHERE, value[::-1]) == ""


def test_nothing_here_holds_them(site, deployed, value):
    for secret in (value, deployed[0]):
        for folder in (site.home, site.root, site.temporary):
            found = subprocess.run(
                ["grep", "-rlaF", "--exclude-dir=local", "-f", "-", folder],
                input=secret,
                capture_output=True,
                text=True,
            )
            assert (found.stdout, found.returncode) == ("", 1)
    assert not list(site.temporary.iterdir())
    for path in (Path(site.home) / ".state" / "salt").rglob("*.tgz"):
        with tarfile.open(path) as archive:
            assert "pillar.json" not in archive.getnames()


def test_the_registry_has_the_ciphertext(site, deployed):
    assert "BEGIN AGE ENCRYPTED FILE" in site.on("cat /var/lib/kraftwerk/instances/vault.json")
    assert f"{NODE} has what production says here" in site.run("config", "diff", "--exit-code")


def test_a_new_value_is_told_by_its_name_and_takes_the_old_one_s_place(site, deployed, value):
    other, before = f"sk_live_{secrets.token_hex(16)}", site.live()
    assert f"takes effect on {NODE}" in site.set("environ.STRIPE_KEY", other)
    told = site.run("config", "diff", "--exit-code", code=1)
    assert "environ.STRIPE_KEY: (encrypted) → (encrypted) (another value)" in told
    plan = site.run("deploy", NODE, "--plan", "-v")
    printed = plan + told + site.run("deploy", NODE, "--yes", "-vv")
    assert other not in printed and value not in printed
    assert site.answer("STRIPE_KEY") == digest(other)
    assert site.on(EVERYWHERE, value).split() == [f"./web/vault/{before}/.kraftwerk-env"]  # to go back to
    assert site.on(EVERYWHERE, other).split() == ["./web/vault/env", f"./web/vault/{site.live()}/.kraftwerk-env"]


def test_who_can_t_read_them_leaves_them_as_they_are(site, deployed, colleague):
    before = site.on("cat /web/vault/env")
    site.run("config", "get", "environ.STRIPE_KEY", "--reveal", code=1, home=colleague)
    site.run("highstate", NODE, home=colleague)
    assert site.on("cat /web/vault/env") == before
    site.run("config", "set", "environ.COLOUR", "blue", home=colleague)
    told = site.run("deploy", NODE, "--yes", home=colleague)
    assert f"environ.STRIPE_KEY, environ.SECRET_KEY, pillar.mail.password: encrypted, but not for you; {NODE}" in told
    assert set(site.on("cat /web/vault/env").splitlines()) - set(before.splitlines()) == {"COLOUR='blue'"}


def test_a_node_without_a_value_needs_somebody_who_can_read_it(site, deployed, colleague):
    site.set("environ.NEW_KEY", "first of its kind")
    told = site.run("deploy", NODE, "--yes", code=1, home=colleague)
    assert "NEW_KEY: encrypted, but not for this admin, and the node has no value yet" in told
    assert site.answer("STRIPE_KEY") != digest(""), "the release before serves on"
    site.run("config", "unset", "environ.NEW_KEY")


def test_a_colleague_is_let_in(site, deployed, colleague):
    key = site.run("config", "recipients", home=colleague).splitlines()[-1]
    with (site.root / "pillar" / "recipients.txt").open("a") as file:
        file.write(f"# ada\n{key}\n")
    assert "encrypted for you and ada" in site.run("config", "rekey")
    mine = site.run("config", "get", "environ.STRIPE_KEY", "--reveal")
    assert site.run("config", "get", "environ.STRIPE_KEY", "--reveal", home=colleague) == mine
    told = site.run("deploy", NODE, "--yes", home=colleague)
    assert "not for you" not in told
    assert site.answer("STRIPE_KEY") == digest(mine.strip())
