"""A site moves to another node while visitors ask and order; killed on its way, taken up again, nothing is lost."""

import itertools
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

from kraftwerk import local, registry
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import visitors
from tests.meanwhile import repeated
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
OLD, NEW, NAME = "move-old", "move-new", "stall"
HOST = f"{NAME}.{OLD}"
# As visitors know it; and /order/N writes a row and a file before it says so.
SITE = (
    visitors.SITE
    + """
import os, subprocess

visited = application

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if not path.startswith("/order/"):
        return visited(environ, start_response)
    number = str(int(path[7:]))
    command = ["psql", "-qXc", f"INSERT INTO orders VALUES ({number})", os.environ["DATABASE_URL"]]
    subprocess.run(command, check=True)
    with open(os.path.join(os.environ["UPLOADS"], number), "w") as file:
        file.write(number)
    start_response("200 OK", [])
    return [b"ordered"]
"""
)
YAML = f"""\
wsgi: shop
workers: 3
services: [postgres, files]
processes: {{clock: exec sleep 1000}}
environ: {{UPLOADS: /web/{NAME}/uploads}}
cron:
  tick: {{at: "0 3 * * *", run: "true"}}
environments:
  production:
    nodes: [{OLD}]  # where it is
"""
# Moves, and kills itself when a step begins or says that it does something.
MOVER = """\
import os, signal, sys
from contextlib import contextmanager
from kraftwerk import migrate, moveplan, project, screen

where = sys.argv[3]

class Step(screen.Step):
    def progress(self, text):
        if where and text.startswith(where):
            os.kill(os.getpid(), signal.SIGKILL)

@contextmanager
def step(label):
    shown = Step(label, None)
    shown.progress(label)
    yield shown

migrate.migrate(moveplan.make(project.find(), "production", *sys.argv[1:3]), step)
"""


def kraftwerk(*words, cwd, code=0):
    command = [sys.executable, "-m", "kraftwerk", *words]
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def on(node, script):
    return Connection(get_node(node)).script(script, check=False).stdout.decode().strip()


@contextmanager
def ordering():
    """Order all the time, at the old node; yield the numbers of the orders that were taken."""
    taken, numbers = [], itertools.count(int(time.time() * 1000))

    def order():
        number = next(numbers)
        request = urllib.request.Request(f"http://{get_node(OLD).host}/order/{number}", headers={"Host": HOST})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.read() == b"ordered"
        taken.append(number)

    with repeated(order, pause=0.1):
        yield taken


def orders(node):
    """Return the numbers of the orders that a node has, by rows and by files."""
    rows = on(node, f"runuser -u postgres -- psql -qXAtc 'SELECT * FROM orders ORDER BY 1' {NAME}")
    return [int(row) for row in rows.split()], sorted(map(int, on(node, f"ls /web/{NAME}/uploads").split()))


def running(node):
    """Return what runs of the site on a node: its worker and its gunicorn."""
    found = on(node, f"pgrep -au web-{NAME} || true")
    return ["worker" for line in found.splitlines() if "sleep 1000" in line][:1] + ["web"] * ("gunicorn" in found)


def move(root, kill=""):
    return subprocess.Popen([sys.executable, "-c", MOVER, OLD, NEW, kill], cwd=root)


@pytest.fixture(scope="module")
def root(make_shared_node, converged, tmp_path_factory):
    make_shared_node(OLD, base=converged)
    make_shared_node(NEW, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "shop.py").write_text(SITE)
    (root / "kraftwerk.yaml").write_text(YAML)
    (root / "requirements.txt").write_text("gunicorn\n")
    kraftwerk("deploy", OLD, "--yes", cwd=root)
    kraftwerk("console", "postgres", "--", "-qc", "CREATE TABLE orders (number bigint PRIMARY KEY)", cwd=root)
    return root


def test_the_plan_changes_nothing(root):
    printed = kraftwerk("migrate", "--from", OLD, "--to", NEW, "--plan", cwd=root)
    assert f"stall moves from {OLD} to {NEW} (production)" in printed
    assert "postgres  1 table 0 rows" in printed
    assert f"    -    nodes: [{OLD}]  # where it is\n    +    nodes: [{NEW}]  # where it is\n" in printed
    assert NAME not in registry.sync(Connection(get_node(NEW)))
    assert (root / "kraftwerk.yaml").read_text() == YAML


@pytest.mark.parametrize("moment", ["hold: requests", "lead"])
def test_killed_before_the_old_node_is_left_it_serves_on_and_the_new_one_does_nothing(root, moment):
    with visitors.visiting(get_node(OLD).host, HOST, pause=0.05) as seen, ordering() as taken:
        assert move(root, moment).wait(120) == -signal.SIGKILL
        count = len(taken)
        wait_for(lambda: len(taken) > count + 3)
    assert not seen.failed
    wait_for(lambda: running(OLD) == ["worker", "web"])
    wait_for(lambda: running(NEW) == [])
    assert set(taken) <= set(orders(OLD)[0])
    assert (root / "kraftwerk.yaml").read_text() == YAML
    assert kraftwerk("status", cwd=root).startswith(f"{OLD}  ✓ web 3/3 · clock ✓")


def test_a_node_that_can_not_note_that_it_was_left_serves_on(root):
    on(OLD, f"mkdir /etc/nginx/kraftwerk/{NAME}.conf.new")  # as a full disk: the last of what is written can't be
    with visitors.visiting(get_node(OLD).host, HOST, pause=0.05) as seen, ordering() as taken:
        printed = kraftwerk("migrate", "--from", OLD, "--to", NEW, "--yes", cwd=root, code=1)
        count = len(taken)
        wait_for(lambda: len(taken) > count + 3)
    assert f"stall can't leave {OLD}: " in printed
    assert f"{OLD} serves stall on, untouched; nothing of it runs on {NEW}" in printed
    assert not seen.failed
    assert set(taken) <= set(orders(OLD)[0])
    wait_for(lambda: (running(OLD), running(NEW)) == (["worker", "web"], []))
    on(OLD, f"rmdir /etc/nginx/kraftwerk/{NAME}.conf.new")


def test_killed_after_that_the_new_node_serves_and_the_next_call_finishes_it(root):
    secret = on(OLD, f"cat /etc/kraftwerk/secrets/{NAME}/SECRET_KEY")
    with visitors.visiting(get_node(OLD).host, HOST, pause=0.05) as seen, ordering() as taken:
        wait_for(lambda: len(taken) > 5)
        assert move(root, "workers").wait(120) == -signal.SIGKILL
        count = len(taken)
        wait_for(lambda: len(taken) > count + 3)
        assert running(OLD) == []
        printed = kraftwerk("migrate", "--from", OLD, "--to", NEW, "--yes", cwd=root)
        count = len(taken)
        wait_for(lambda: len(taken) > count + 3)
    assert f"stall is on {NEW}   http://{NAME}.{NEW}" in printed
    print(f"longest answer {seen.longest:.1f} s, {seen.answers} answers, {len(taken)} orders")
    assert not seen.failed
    rows, files = orders(NEW)
    assert set(taken) <= set(rows)
    assert set(taken) <= set(files)
    assert len(orders(OLD)[0]) < len(rows)  # kept as it was when it was left
    wait_for(lambda: running(NEW) == ["worker", "web"])
    assert on(NEW, f"cat /etc/kraftwerk/secrets/{NAME}/SECRET_KEY") == secret
    assert on(NEW, f"ls /etc/cron.d/kraftwerk-{NAME}")
    release = f"/web/{NAME}/current/.kraftwerk-env"  # of its own: the next deploy writes another one beside it
    assert on(NEW, f"stat -L -c '%U %G %a' {release}") == f"root web-{NAME} 640"
    assert on(NEW, f"cmp /web/{NAME}/env {release} && cat {release}").count("SECRET_KEY=") == 1
    assert on(OLD, f"ls /etc/cron.d/kraftwerk-{NAME} || true") == ""
    assert f"nodes: [{NEW}]" in (root / "kraftwerk.yaml").read_text()
    assert kraftwerk("status", cwd=root).startswith(f"{NEW}  ✓ web 3/3 · clock ✓")


def test_the_old_node_passes_requests_on_after_a_reboot_and_runs_nothing(root):
    local.stop(OLD)
    local.start(OLD)
    with ordering() as taken:
        wait_for(lambda: len(taken) > 2)
    assert set(taken) <= set(orders(NEW)[0])
    assert running(OLD) == []
    assert f"has moved from {OLD}" in kraftwerk("deploy", OLD, "--yes", cwd=root, code=2)


def test_the_old_node_is_given_up(root):
    kraftwerk("destroy", OLD, "--yes", cwd=root)
    assert on(OLD, f"ls -d /web/{NAME} /etc/nginx/kraftwerk/{NAME}.conf 2>/dev/null || true") == ""
    assert NAME not in registry.sync(Connection(get_node(OLD)))
    assert kraftwerk("status", cwd=root).startswith(f"{NEW}  ✓ web 3/3")
