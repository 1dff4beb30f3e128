"""Locks, hooks and phases of deploys on a real node: who holds what, who runs when, and where one goes on."""

import http.client
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from kraftwerk import lock, lockbook, mend, paths, saltway
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.remote import script
from kraftwerk.transport import Connection
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "phases"
YAML = "wsgi: shop\nworkers: 1\n"
CODE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s"]
"""
RACES = int(os.environ.get("TESTS_RACES", "3"))
# Holds a lock with a short lease, and runs something on the node that can't be asked to end.
HOLDER = """\
import sys
from kraftwerk import leash, lock
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
lock.LEASE, lock.BEAT = 4, 1
connection = Connection(get_node(sys.argv[1]))
with lock.held(connection, "till"):
    print("held", flush=True)
    leash.run(connection, ["sh", "-c", "trap '' TERM; touch /run/till-at-work; sleep 300; true"])
"""

# A state of the project's own that lasts until a file is there.
LASTING = """\
shop/lasting:
  cmd.run:
    - name: echo begin >>/run/lasting; until [ -e /run/enough ]; do sleep 0.1; done; echo end >>/run/lasting
    - unless: test -e /run/never
"""


class Shop:
    """A project here, and what it is on the node."""

    def __init__(self, root):
        self.root = root
        self.write("first")
        self.yaml()
        (root / "requirements.txt").write_text("gunicorn\n")

    def write(self, body):
        (self.root / "shop.py").write_text(CODE % body)

    def yaml(self, more=""):
        (self.root / "kraftwerk.yaml").write_text(YAML + more)

    def hook(self, name, text):
        path = self.root / "hooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def start(self, *words, **env):
        command = [sys.executable, "-m", "kraftwerk", *words]
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.root, env={**os.environ, **env}, **streams)

    def run(self, *words, code=0, **env):
        running = self.start(*words, **env)
        printed = running.communicate(timeout=300)[0]
        assert running.returncode == code, f"{words}: {running.returncode}\n{printed}"
        return printed

    def deploy(self, *words, **options):
        return self.run("deploy", NODE, "--yes", *words, **options)

    def on(self, script):
        return Connection(get_node(NODE)).script(script).stdout.decode().strip()

    def answer(self):
        connection = http.client.HTTPConnection(get_node(NODE).host, timeout=10)
        connection.request("GET", "/", headers={"Host": f"shop.{NODE}"})
        return connection.getresponse().read().decode()

    def live(self):
        """Return the number of the live release, by all that says it."""
        said = self.on(
            "cd /web/shop; slot=$(readlink slots/live); readlink current; readlink slots/$slot; "
            "[ $(readlink /run/kraftwerk/shop/current.sock) = $slot.sock ] && echo same"
        ).split()
        number = said[0].removeprefix("releases/")
        assert said == [f"releases/{number}", f"../releases/{number}", "same"]
        return int(number)

    def holders(self):
        return [each.name for each in lockbook.read(Connection(get_node(NODE)))]

    def taken(self, what="shop"):
        """Wait until somebody holds a lock."""
        wait_for(lambda: what in self.holders())


@pytest.fixture(scope="module")
def made(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / "shop"
    root.mkdir()
    shop = Shop(root)
    shop.deploy()
    return shop


@pytest.fixture
def shop(made):
    """Have a good release live, no hooks, and nobody who holds a lock, before and after a test."""
    yield made
    shutil.rmtree(made.root / "hooks", ignore_errors=True)
    made.write("first")
    made.yaml()
    assert made.holders() == []


@pytest.fixture
def hanging(shop, tmp_path):
    """Return a deploy that hangs in a hook before it boots, on the node and here, and is ended after the test."""
    shop.write("second")
    shop.hook("node/after-configure", "echo $$ >/tmp/hook-at-work; exec sleep 301")
    shop.on("rm -f /tmp/hook-at-work")
    running = shop.start("deploy", NODE, "--yes")
    wait_for(lambda: shop.on("test ! -s /tmp/hook-at-work || echo yes"))
    yield running
    running.kill()
    running.wait()
    running.stdout.close()


def test_hooks_run_here_and_on_the_node_with_what_they_need_to_know(shop):
    before, left = shop.live(), shop.on("readlink /web/shop/slots/live")
    shop.hook("before-lock", 'echo "$KRAFTWERK_ACTION to $KRAFTWERK_NODE in $KRAFTWERK_ENV"')
    shop.hook("node/after-configure", 'id -un; pwd; echo "$VIRTUAL_ENV $KRAFTWERK_RELEASE after $KRAFTWERK_BEFORE"')
    shop.hook("after-switch", "kraftwerk dump --on-node && kraftwerk run -- echo hello")  # its lock is lent
    shop.hook("before-drain", "kraftwerk run --as root -- sh -c 'ls /etc/sv/shop-web-?/down'")
    printed = shop.deploy().splitlines()
    number, words = before + 1, [line.split(" ✓")[0] for line in printed]
    assert words[0] == f"  before-lock: deploy to {NODE} in production"
    told = words[words.index("virtualenv") + 1 :][:3]
    folder = f"/web/shop/releases/{number}"
    facts = ["web-shop", folder, f"{folder}/venv {number} after {before}"]
    assert told == [f"  after-configure: {fact}" for fact in facts]
    assert "  after-switch: hello" in printed
    down = [line for line in printed if line.startswith("  before-drain: ")]
    assert down == [f"  before-drain: /etc/sv/shop-web-{left}/down"]  # what still drains stays down after a reboot
    assert shop.on(f"ls {folder}/hooks {folder}/hooks/node").split("\n")[-1] == "after-configure"
    assert not shop.on(f"ls {folder}/hooks/before-lock || true")
    shop.hook("before-boot", 'echo "$KRAFTWERK_ACTION of $KRAFTWERK_BEFORE"')
    assert f"  before-boot: rollback of {number}" in shop.run("rollback")


def test_a_hook_that_fails_stops_the_deploy_before_anything_is_live(shop):
    before, answer = shop.live(), shop.answer()
    shop.write("never")
    shop.hook("before-boot", "echo no entry; exit 3")
    shop.hook("after-failure", 'echo "told: $KRAFTWERK_PHASE"')
    printed = shop.deploy(code=1)
    assert "hooks/before-boot failed with exit code 3:\n         no entry\n" in printed
    assert f"release {before} serves on, untouched" in printed and "  after-failure: told: boot" in printed
    assert (shop.live(), shop.answer()) == (before, answer)


def test_a_hook_that_fails_after_the_switch_leads_visitors_back(shop):
    before, answer = shop.live(), shop.answer()
    shop.write("never")
    shop.hook("after-switch", f"curl -s -H 'Host: shop.{NODE}' http://$KRAFTWERK_HOST/; exit 1")
    printed = shop.deploy(code=1)
    assert "  after-switch: never" in printed and f"release {before} serves on, untouched" in printed
    assert (shop.live(), shop.answer()) == (before, answer)
    failed = json.loads(shop.run("releases", "--json"))[0]
    assert (failed["state"], failed["phase"]) == ("failed", "switch")


def test_a_hook_of_no_phase_is_refused_before_anything_is_touched(shop):
    before = json.loads(shop.run("releases", "--json"))
    shop.hook("after-swich", "exit 0")
    assert "did you mean after-switch?" in shop.deploy(code=2)
    assert json.loads(shop.run("releases", "--json")) == before


def test_a_deploy_goes_on_where_it_failed(shop):
    shop.write("second")
    shop.yaml("release: ['echo once >>/tmp/once', 'test -e /tmp/mended']\n")
    shop.on("rm -f /tmp/once /tmp/mended")
    before = shop.live()
    assert "`test -e /tmp/mended` failed with exit code 1" in shop.deploy(code=1)
    assert "failed in migrate: it can go on from" in shop.deploy("--from", "boot", code=2)
    with lock.held(Connection(get_node(NODE)), "shop"):
        assert "is locked by" in shop.deploy("--from", "migrate", "--wait", "0", code=1)
    assert json.loads(shop.run("releases", "--json"))[0]["phase"] == "migrate"  # who was refused wrote nothing down
    shop.on("touch /tmp/mended")
    shop.write("not sent any more")
    words = [line.split(" ✓")[0] for line in shop.deploy("--from", "migrate").splitlines()]
    assert "upload" not in words and words[:3] == ["lock", "node", "migrate"]
    assert shop.live() > before
    assert (shop.answer(), shop.on("cat /tmp/once")) == ("second", "once\nonce")
    assert "no deploy failed" in shop.deploy("--from", "migrate", code=2)


def read_on(terminal):
    """Read what is printed on a terminal, so that nobody waits for that, until nobody has it open."""
    with suppress(OSError), open(terminal, "rb", buffering=0) as stream:
        while stream.read(4096):
            pass


@pytest.mark.parametrize("how", ["Ctrl-C", "kill -9"])
def test_a_deploy_that_was_ended_goes_on_where_it_was(shop, how):
    before, body = shop.live(), f"after {how}"
    shop.write(body)
    shop.yaml("release: ['exec sleep 302']\n")
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(shop.root)
        os.execv(sys.executable, [sys.executable, "-m", "kraftwerk", "deploy", NODE, "--yes"])
    threading.Thread(target=read_on, args=(terminal,), daemon=True).start()
    wait_for(lambda: shop.on("pgrep -f '[s]leep 302' || true"))
    if how == "Ctrl-C":
        os.write(terminal, b"\x03")
    else:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with lock.held(Connection(get_node(NODE)), "shop", wait=15):
        assert not shop.on("pgrep -f '[s]leep 302' || true")
    last = json.loads(shop.run("releases", "--json"))[0]
    ended = (130, "failed", "migrate") if how == "Ctrl-C" else (-9, "new", "migrate")
    assert (code, last["state"], last["phase"]) == ended
    assert shop.live() == before
    shop.yaml()
    shop.write("not sent any more")
    assert "it can go on from virtualenv" in shop.deploy("--from", "boot", code=2)
    shop.deploy("--from", "migrate")
    assert (shop.live(), shop.answer()) == (last["number"], body)


def test_after_the_switch_what_a_killed_deploy_left_is_done_and_takes_nothing_back(shop, tmp_path):
    shop.write("third")
    shop.on("rm -f /tmp/no-clock")
    shop.yaml("processes: {clock: 'test ! -e /tmp/no-clock && exec sleep 305'}\n")
    shop.hook("before-drain", f"touch {tmp_path}/draining; exec sleep 304")
    running = shop.start("deploy", NODE, "--yes")
    wait_for((tmp_path / "draining").exists)
    running.kill()
    running.communicate()
    shutil.rmtree(shop.root / "hooks")
    live = shop.live()
    shop.on("touch /tmp/no-clock")
    printed = shop.deploy("--from", "workers", "--wait", "15", code=1)
    assert "clock" in printed and f"release {live} is live all the same" in printed
    assert (shop.live(), shop.answer()) == (live, "third")


def test_of_two_deploys_at_once_one_wins_and_the_other_says_who_holds_the_lock(shop, tmp_path):
    ended = tmp_path / "one-has-ended"
    shop.hook("after-lock", f"until [ -e {ended} ]; do sleep 0.1; done")  # who wins stays until the other has lost
    other = Shop(shutil.copytree(shop.root, tmp_path / "shop"))
    for number in range(RACES):
        before = shop.live()
        ended.unlink(missing_ok=True)
        both = {}
        for each, body in ((shop, f"one {number}"), (other, f"other {number}")):
            each.write(body)
            both[body] = each.start("deploy", NODE, "--yes", "--wait", "0")
        try:
            wait_for(lambda both=both: any(running.poll() is not None for running in both.values()), 120)
        finally:
            ended.touch()
        printed = {body: running.communicate(timeout=300)[0] for body, running in both.items()}
        codes = {body: running.returncode for body, running in both.items()}
        assert sorted(codes.values()) == [0, 1], printed
        (winner,), (loser,) = ([body for body, code in codes.items() if code == wanted] for wanted in (0, 1))
        assert f"(kraftwerk deploy, process {both[winner].pid}) since" in printed[loser]
        assert (shop.live(), shop.answer()) == (before + 1, winner)


def test_a_deploy_that_is_killed_leaves_neither_lock_nor_work_behind(shop, hanging):
    before = shop.live()
    hanging.kill()
    with lock.held(Connection(get_node(NODE)), "shop", wait=15):
        assert not shop.on("pgrep -f 'sleep 301' || true")
    shutil.rmtree(shop.root / "hooks")
    shop.deploy("--wait", "15")
    assert (shop.live() > before, shop.answer()) == (True, "second")


def test_who_gives_no_sign_of_life_loses_the_lock_and_all_that_works_behind_it(shop):
    node = Connection(get_node(NODE))
    words = [sys.executable, "-c", HOLDER, NODE]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        wait_for(lambda: shop.on("test ! -e /run/till-at-work || echo yes"))
        holder.send_signal(signal.SIGSTOP)
        with lock.held(node, "till", wait=60):
            assert not shop.on("pgrep -f 'touch /run/till-at-wor[k]' || true")
        holder.send_signal(signal.SIGCONT)
        said = holder.communicate(timeout=60)[1]
    assert f"the lock till on {NODE} was lost: the node heard nothing from here for 4 s" in said


def test_who_comes_too_late_does_not_switch_to_the_release_of_another(shop):
    before = shop.live()
    late = ("shop", shop.on("readlink /web/shop/slots/live"), str(before - 1))
    with pytest.raises(KraftwerkError, match="has another release by now"):
        Connection(get_node(NODE)).script(script("switch"), *late)
    assert shop.live() == before


def test_a_lock_is_taken_away_from_who_works_behind_it(shop, hanging):
    before, answer = shop.live(), shop.answer()
    assert f"shop on {NODE} is locked by " in shop.run("lock")
    printed = shop.run("unlock", code=1)
    assert f"(kraftwerk deploy, process {hanging.pid}) since" in printed and "Nothing was changed." in printed
    assert f"shop on {NODE} is free" in shop.run("unlock", "--yes")
    said = hanging.communicate(timeout=60)[0]
    assert hanging.returncode == 1 and f"the lock shop on {NODE} was lost: " in said and "(kraftwerk unlock)" in said
    assert not shop.on("pgrep -f 'sleep 301' || true")
    assert (shop.live(), shop.answer()) == (before, answer)


def test_a_lock_that_is_taken_by_hand_keeps_all_away_but_who_has_its_ticket(shop):
    ticket = json.loads(shop.run("lock", "--message", "a new disk", "--json"))["ticket"]
    for words in (["deploy", NODE, "--yes"], ["rollback"], ["dump"], ["lock", "--message", "me too", "--wait", "0"]):
        assert "by hand since" in (printed := shop.run(*words, code=1)) and ": a new disk" in printed
        assert f"kraftwerk unlock {NODE} --name shop" in printed
    shop.run("dump", "--on-node", KRAFTWERK_LOCK=ticket)
    status = json.loads(shop.run("status", "--json"))[0]
    said = f"a new disk (kraftwerk unlock {NODE} --name shop)"
    assert status["ok"] and status["checks"]["lock"]["text"].endswith(said)
    service = f"/etc/service/shop-web-{shop.on('readlink /web/shop/slots/live')}"
    shop.on(f"sv -w 20 down {service}")
    assert "by hand since" in mend.mend(get_node(NODE), "process/shop-web")
    tries = paths.reactor_home() / "tries.json"
    assert not tries.exists() or NODE not in tries.read_text()  # whoever keeps it away costs the reactor none
    shop.on(f"sv up {service}")
    with lock.held(Connection(get_node(NODE)), "till"):
        assert shop.holders() == ["shop", "till"]
    assert "Nothing was changed." in shop.run("unlock", code=1)
    shop.run("unlock", "--yes")
    assert "nobody holds shop" in shop.run("unlock", "--yes", code=1)


def test_a_lock_by_hand_on_the_whole_node_ends_with_its_time(shop):
    shop.run("lock", NODE, "--name", "node", "--message", "a new kernel", "--minutes", "5")
    assert ": a new kernel" in shop.run("highstate", NODE, "--test", code=1)
    assert f"kraftwerk unlock {NODE} --name node" in shop.deploy(code=1)
    shop.on("sed -i 1s/.*/1/ /var/lib/kraftwerk/locks/node")
    assert "nobody holds a lock" in shop.run("lock")
    shop.deploy()


def test_states_whose_caller_is_killed_go_on_and_the_next_highstate_waits_for_them(shop):
    (shop.root / "salt" / "shop").mkdir(parents=True)
    (shop.root / "salt" / "shop" / "init.sls").write_text(LASTING)
    first = shop.start("highstate", NODE)
    wait_for(lambda: shop.on("cat /run/lasting 2>/dev/null || true") == "begin", 60)
    first.kill()
    first.communicate()
    if saltway.is_stock():  # nothing marks a run of Salt's own program (docs/deploy.md)
        with lock.held(Connection(get_node(NODE)), lock.NODE, wait=30):
            shop.on("touch /run/enough")
        shutil.rmtree(shop.root / "salt")
        return
    left = f"(states that kraftwerk highstate began, process {first.pid}) since"
    wait_for(lambda: left in shop.run("lock", NODE))
    refused = pytest.raises(KraftwerkError, match="states that kraftwerk highstate began")
    with refused, lock.held(Connection(get_node(NODE)), lock.NODE):
        pytest.fail("two at a time")
    assert "these go on to their end" in shop.run("unlock", NODE, "--name", "node", "--yes", code=1)
    second = shop.start("-v", "highstate", NODE)
    while left not in second.stdout.readline():
        assert second.poll() is None
    shop.on("touch /run/enough")
    printed = second.communicate(timeout=120)[0]
    assert second.returncode == 0, printed
    assert shop.on("cat /run/lasting").split() == ["begin", "end"] * 2
    shutil.rmtree(shop.root / "salt")
