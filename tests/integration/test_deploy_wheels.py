"""Virtualenvs that somebody made by hand, on a node that reaches nothing: selected, changed, kept working, put back."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kraftwerk import localargv
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.waiting import wait_for
from tests.wheel_files import make_wheel

pytestmark = pytest.mark.node
NODE = "venvs"
# Nothing gets out but answers, and nothing in but ssh.
CUT = """\
table inet cut {
  chain out { type filter hook output priority 0; policy drop; oif lo accept; ct state established accept; }
  chain in { type filter hook input priority 0; policy drop; iif lo accept; ct state established accept
    tcp dport 22 accept; }
}
"""
SERVER = """
import http.server

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(VERSION.encode())
    def log_message(self, *_):
        pass

if __name__ == "__main__":
    http.server.HTTPServer(("127.0.0.1", 8000), Page).serve_forever()
"""
# Two users of this server with virtualenvs of their own; a group reads the shop's.
PREPARE = """
useradd --create-home shop; useradd --create-home blog; groupadd readers; usermod --append --groups readers shop
for user in shop blog; do
  install -d -o $user -g $user /srv/$user
  setpriv --reuid=$user --regid=$user --init-groups python3 -m venv --without-pip /srv/$user/venv
done
chgrp -R readers /srv/shop/venv; chmod -R o= /srv/shop/venv
install -d -m 700 -o shop -g shop /home/shop/.ssh
install -m 600 -o shop -g shop /root/.ssh/authorized_keys /home/shop/.ssh/
cat >/etc/systemd/system/shop.service <<END
[Unit]
StartLimitIntervalSec=0
[Service]
User=shop
ExecStart=/srv/shop/venv/bin/python -m till
END
systemctl daemon-reload
"""
ASK = 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8000/").read().decode())'
CONFIG = """\
virtualenvs:
  - host: {host}
    user: shop
    path: /srv/shop/venv
    requirements: shop.txt
    wheels: {wheels}
    migrate:
      - python -c 'import till; print(till.VERSION)' >>~/migrated
      - test ! -e ~/fails
      - if test -e ~/waits; then sleep 60; fi
    reload: "systemctl restart shop; echo $(id -un) >>/root/reloaded; test ! -e /root/fails"
  - {{host: {host}, user: blog, path: /srv/blog/venv, requirements: blog.txt, wheels: {wheels}}}
"""
SHOP, BLOG = f"shop@{NODE}:/srv/shop/venv", f"blog@{NODE}:/srv/blog/venv"


class Admin:
    """An admin with a folder of wheels, and what is on the server."""

    def __init__(self, home, folder):
        self.home, self.folder = home, folder
        self.connection = Connection(get_node(NODE))

    def configure(self, host):
        (self.home / "config.yaml").write_text(CONFIG.format(host=host, wheels=self.folder / "wheels"))
        (self.home / "config.yaml").chmod(0o600)

    def require(self, shop, blog="coins"):
        (self.home / "shop.txt").write_text(f"{shop}\n")
        (self.home / "blog.txt").write_text(f"{blog}\n")

    def command(self, *words, **environment):
        command = [sys.executable, "-m", "kraftwerk", *words]
        return {"args": command, "env": {**os.environ, **environment, "KRAFTWERK_HOME": str(self.home)}}

    def run(self, *words, code=0, **environment):
        """Run deploy-wheels as a user would; return all that it printed."""
        options = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        done = subprocess.run(**self.command("deploy-wheels", *words, **environment), **options, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def on(self, script):
        return self.connection.script(script, check=False).stdout.decode().strip()

    def files(self):
        """Return all that is known of the files in the shop's virtualenv; inodes, too."""
        return self.on(
            "cd /srv/shop/venv; find . ! -type d -printf '%p %m %u %g %i %T@ %l\\n' -o -printf '%p %m %u %g\\n' | sort;"
            " find . -type f -exec sha256sum {} + | sort"
        )

    def served(self):
        """Return what the shop's service says; it may have been started just now."""
        return wait_for(lambda: self.on(f"python3 -c '{ASK}'"))


@pytest.fixture(scope="module")
def admin(home, make_shared_node, tmp_path_factory):
    make_shared_node(NODE)
    folder = tmp_path_factory.mktemp("admin")
    admin = Admin(home, folder)
    admin.connection.script(PREPARE)
    inside = ["ip", "netns", "exec", localargv.link_of(admin.connection.node.host)]
    subprocess.run([*inside, "nft", "-f", "-"], input=CUT.encode(), check=True)
    for version in ("1.0", "1.1"):
        more = {"till/more.py": "", "till/__main__.py": f"VERSION = {version!r}\n{SERVER}"}
        make_wheel(folder, "till", version, requires=["coins>=1"], files=more, scripts={"till": "till:main"})
    make_wheel(folder, "coins", "1.0")
    added = ["wheels", "add", *map(str, folder.glob("*.whl"))]
    subprocess.run(**admin.command(*added), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    config = (home / "config.yaml").read_text()
    admin.configure(NODE)
    admin.require("till==1.0")
    yield admin
    (home / "config.yaml").write_text(config)


@pytest.fixture
def live(admin):
    """The shop with till 1.0, served."""
    admin.require("till==1.0")
    admin.run("--yes")
    admin.on("systemctl restart shop; rm -f /home/shop/migrated /root/reloaded")
    assert admin.served() == "1.0"
    yield admin
    admin.on("rm -f /home/shop/fails /home/shop/waits /root/fails")


@pytest.mark.parametrize(
    ("selectors", "found"),
    [
        ([], [SHOP, BLOG]),
        ([NODE], [SHOP, BLOG]),
        ([f"blog@{NODE}"], [BLOG]),
        ([SHOP], [SHOP]),
        ([f"{NODE}:/srv/blog/venv"], [BLOG]),
        ([":/srv/shop/venv"], [SHOP]),
        (["shop@"], [SHOP]),
    ],
)
def test_selectors(admin, selectors, found):
    plans = json.loads(admin.run(*selectors, "--plan", "--json"))
    assert [plan["virtualenv"] for plan in plans] == found
    assert all("error" not in plan for plan in plans)


def test_each_is_asked_for_and_may_be_skipped(admin):
    printed = admin.run("blog@", "-r", "shop.txt", code=2)
    assert "shop.txt' does not exist" in printed
    before = admin.files()
    (admin.folder / "more.txt").write_text("till\n")
    printed = admin.run("shop@", "-r", "more.txt")
    assert f"Deploy to {SHOP}? [y/N]" in printed
    assert f"{SHOP} is skipped" in printed
    assert admin.files() == before


def test_a_virtualenv_of_another_owner_is_kept_working(live):
    live.require("till")
    printed = live.run("--yes")
    assert "up    till  1.0 → 1.1" in printed
    assert "2 virtualenvs: 1 deployed, 1 as it is" in printed
    assert live.served() == "1.1"
    assert live.on("cat /home/shop/migrated /root/reloaded") == "1.1\nroot"
    # Whoever could read it still can, and nobody else.
    assert live.on("find /srv/shop/venv ! -user shop -o ! -group readers -o -perm /o=rwx ! -type l") == ""
    assert live.on("find /srv/shop/venv/lib -name '*.py' ! -perm 640") == ""
    assert live.on("stat -c %a /srv/shop/venv/bin/till") == "750"
    live.require("till==1.0")
    assert "down  till  1.1 → 1.0" in live.run("--yes")
    assert live.served() == "1.0"


def test_a_failing_migration_puts_it_back_and_the_next_follows(live):
    before = live.files()
    live.require("till", blog="")
    live.on("touch /home/shop/fails")
    printed = live.run("--yes", "--remove", code=1)
    assert f"{SHOP} is put back as it was: migrate failed with exit code 1" in printed
    assert "2 virtualenvs: 1 failed, 1 deployed" in printed
    assert live.files() == before
    assert live.served() == "1.0"
    assert live.on("cat /home/shop/migrated; test ! -e /root/reloaded || echo reloaded") == "1.1"


def test_a_failing_reload_puts_it_back_and_reloads_again(live):
    before = live.files()
    live.require("till")
    live.on("touch /root/fails")
    assert f"{SHOP} is put back as it was: reload failed" in live.run("shop@", "--yes", code=1)
    assert live.files() == before
    assert live.served() == "1.0"
    assert live.on("cat /root/reloaded") == "root\nroot"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_whoever_is_interrupted_leaves_it_as_it_was(live, number):
    before = live.files()
    live.require("till")
    live.on("touch /home/shop/waits")
    running = subprocess.Popen(**live.command("deploy-wheels", "shop@", "--yes"), cwd=live.folder)
    wait_for(lambda: live.on("cat /home/shop/migrated") == "1.1")
    assert live.files() != before
    running.send_signal(number)
    running.wait(120)
    assert wait_for(lambda: live.files() == before)
    wait_for(lambda: live.on("pgrep -u shop sleep") == "")
    live.on("rm /home/shop/waits")
    live.run("shop@", "--yes")
    assert live.served() == "1.1"


def test_a_missing_wheel_and_a_changed_one_are_named_before_anything_is_touched(live):
    before = live.files()
    live.require("till\nreceipts>=2")
    printed = live.run("shop@", "--yes", code=1)
    assert "receipts>=2: no wheel of it" in printed
    assert f"kraftwerk wheels build 'receipts>=2' --wheels {live.folder}/wheels" in printed
    live.require("till")
    spoilt = live.folder / "wheels" / "coins-1.0-py3-none-any.whl"
    content = spoilt.read_bytes()
    spoilt.write_bytes(content + b"x")
    assert "not what was recorded in release_log: coins-1.0" in live.run("shop@", "--yes", code=1)
    spoilt.write_bytes(content)
    assert live.files() == before


@pytest.fixture
def agent(home):
    """Variables that lead to an ssh agent which holds the run's key."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder, "agent")
        running = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        variables = {"SSH_AUTH_SOCK": str(wait_for(lambda: socket.exists() and socket))}
        subprocess.run(["ssh-add", "-q", home / "keys" / "id_ed25519"], env={**os.environ, **variables}, check=True)
        yield variables
        running.terminate()
        running.wait()


def test_a_host_that_is_no_node(live, agent, tmp_path):
    guest = Admin(home=tmp_path / "guest", folder=live.folder)
    address = guest.connection.node.host
    selector, (requirements,) = f"shop@{address}:/srv/shop/venv", [live.folder / "guest.txt"]
    requirements.write_text("till\n")
    words = [selector, "-r", str(requirements)]
    printed = guest.run(*words, code=1, **agent)  # nobody is there to say whether the key is the right one
    assert "shows the host key SHA256:" in printed
    assert "was not accepted" in printed
    assert "up    till  1.0 → 1.1" in guest.run(*words, "--yes", **agent)
    assert "as it is" in guest.run(*words, **agent)
    assert live.on("find /srv/shop/venv ! -user shop -o ! -group readers") == ""
    refused = guest.run(f"shop@{address}:/srv/blog/venv", "-r", str(requirements), code=1, **agent)
    assert "/srv/blog/venv belongs to blog, not to shop" in refused
    strangers = guest.run(f"blog@{address}:/srv/blog/venv", "-r", str(requirements), code=1, **agent)
    assert f"ssh blog@{address} must work without a password" in strangers
