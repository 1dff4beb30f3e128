"""A site is held while visitors never stop asking: nobody is turned away, however the holder ends."""

import http.client
import os
import signal
import subprocess
import sys
import time

import pytest

from kraftwerk import hold, local, lock, maintenance, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import visitors
from tests.meanwhile import repeated
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME = "hold-one", "booth"
HOST = f"{NAME}.{NODE}"
YAML = """\
wsgi: shop
workers: 2
processes: {clock: exec sleep 1000, off: exec sleep 1001}
"""
# Holds, says so, and waits to be killed.
HOLDER = """\
import sys, time
from kraftwerk import hold, lock, registry
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
connection = Connection(get_node(sys.argv[1]))
instance = registry.sync(connection)[sys.argv[2]]
progress = lambda text: print(text, flush=True)
with lock.held(connection, instance.name), hold.held(connection, instance, on_progress=progress):
    print("held", flush=True)
    time.sleep(60)
"""


def on(script):
    return Connection(get_node(NODE)).script(script, check=False).stdout.decode().strip()


def answer(path="/"):
    connection = http.client.HTTPConnection(get_node(NODE).host, timeout=40)
    connection.request("GET", path, headers={"Host": HOST})
    response = connection.getresponse()
    return response.status, response.read(), response.headers


@pytest.fixture(scope="module")
def site(make_shared_node, converged, tmp_path_factory):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "shop.py").write_text(visitors.SITE)
    (root / "kraftwerk.yaml").write_text(YAML)
    (root / "requirements.txt").write_text("gunicorn\n")
    (root / "maintenance.html").write_text("<h1>We paint the shop</h1>{{ message }}")
    command = [sys.executable, "-m", "kraftwerk", "deploy", NODE, "--yes"]
    subprocess.run(command, cwd=root, check=True, timeout=120)
    connection = Connection(get_node(NODE))
    on(f"sv -w 10 down /etc/service/{NAME}-off")
    return connection, registry.sync(connection)[NAME], root


def states():
    """Return what runit says of web and the workers."""
    services = f"$(readlink /web/{NAME}/slots/live)"
    lines = on(f"sv status /etc/service/{NAME}-web-{services} /etc/service/{NAME}-clock /etc/service/{NAME}-off")
    return [line.split(":")[0] for line in lines.splitlines()]


def test_nobody_is_turned_away_while_it_is_held_and_all_runs_again(site):
    connection, instance, _ = site
    with visitors.visiting(get_node(NODE).host, HOST) as seen:
        wait_for(lambda: seen.answers > 50)
        with hold.held(connection, instance) as held:
            assert states() == ["down", "down", "down"]
            assert held.running == ()
            count = seen.answers
            time.sleep(1)  # long enough for answers, if there were any
            assert seen.answers == count
        assert held.seconds < 10
        wait_for(lambda: seen.answers > count + 50)
    assert not seen.failed
    assert (held.waited >= 5, held.refused) == (True, 0)
    wait_for(lambda: states() == ["run", "run", "down"])


@pytest.mark.parametrize("moment", ["hold: booth-clock", "hold: requests", "held"])
def test_who_holds_is_killed_and_nobody_is_turned_away(site, moment):
    with visitors.visiting(get_node(NODE).host, HOST) as seen:
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, NODE, NAME], stdout=subprocess.PIPE, text=True)
        while holder.stdout.readline().strip() != moment:
            assert holder.poll() is None
        holder.kill()
        holder.communicate()
        with lock.held(Connection(get_node(NODE)), NAME, wait=60):  # waits for all to be as it was
            assert states() == ["run", "run", "down"]
        count = seen.answers
        wait_for(lambda: seen.answers > count + 50)
    assert not seen.failed


def test_the_nodes_program_is_killed_and_all_runs_again(site):
    connection, instance, _ = site
    broken = pytest.raises(KraftwerkError, match="what was held of booth is started again")
    with broken, hold.held(connection, instance):
        on("kill -9 $(pgrep -f 'hold.py OPTIONS' | tail -n 1)")  # the child, which is the younger one
        wait_for(lambda: answer()[0] == 200)
    wait_for(lambda: states() == ["run", "run", "down"])


# What waits for root alone, and a site that has its visitors, and so root's program, led there.
ROOTS = """
import os, socket
plug = socket.socket(socket.AF_UNIX)
os.umask(0o077)
plug.bind("/root/door.sock")
plug.listen()
print("open", flush=True)
plug.accept()
open("/root/entered", "w").close()
"""
THIEF = """
import glob, os, socket, time
os.chdir("/run/kraftwerk/booth")
plug = socket.socket(socket.AF_UNIX)
plug.connect(glob.glob("hold-*.sock")[0])
plug.sendall(b"let me in")
before, until = os.readlink("current.sock"), time.monotonic() + 60
print("waits", flush=True)
while os.readlink("current.sock") == before and time.monotonic() < until:
    pass
os.symlink("/root/door.sock", ".mine")
os.rename(".mine", "current.sock")
plug.settimeout(5)
plug.recv(100)
"""


def test_what_waits_is_led_to_nobody_but_the_site(site):
    connection, instance, _ = site
    become = ["setpriv", f"--reuid=web-{NAME}", f"--regid=web-{NAME}", "--init-groups"]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with connection.popen(["python3", "-c", ROOTS], **pipes) as door:
        assert door.stdout.readline() == b"open\n"
        with hold.held(connection, instance):
            thief = connection.popen([*become, "python3", "-c", THIEF], **pipes)
            assert thief.stdout.readline() == b"waits\n"
        thief.communicate(timeout=70)
        assert on("test -e /root/entered || echo nobody") == "nobody"
        on("pkill -f /root/door.sock; rm /root/door.sock")
    with hold.held(connection, instance):
        pass  # puts the link back
    assert answer()[0] == 200


def test_a_site_that_keeps_its_own_door_locked_is_told(site, monkeypatch):
    connection, instance, _ = site
    monkeypatch.setattr(hold, "RUNNING", 1)
    become = ["setpriv", f"--reuid=web-{NAME}", f"--regid=web-{NAME}", "--init-groups"]
    words = [*become, "flock", "-s", f"/run/kraftwerk/{NAME}", "sh", "-c", "echo locked; exec sleep 1234"]
    with connection.popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as sleeper:
        assert sleeper.stdout.readline() == b"locked\n"
        broken = pytest.raises(KraftwerkError, match=f"something of {NAME} keeps /run/kraftwerk/{NAME} locked")
        with broken, hold.held(connection, instance):
            pytest.fail("held")
        on("pkill -f 'sleep 1234'")
    wait_for(lambda: states() == ["run", "run", "down"])


def test_one_off_commands_wait_and_those_that_run_are_named(site, monkeypatch):
    connection, instance, root = site
    monkeypatch.setattr(hold, "RUNNING", 1)
    command = [sys.executable, "-m", "kraftwerk", "run", "--"]
    running = subprocess.Popen([*command, "sh", "-c", "echo begun; sleep 123"], cwd=root, stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"begun\n"
    refused = pytest.raises(KraftwerkError, match=r"still at work: .*sleep 123")
    with refused, hold.held(connection, instance, strict=True):
        pytest.fail("held")
    with hold.held(connection, instance) as held:
        assert "sleep 123" in " ".join(held.running)
        late = subprocess.Popen([*command, "echo", "went on"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert "is held while its data" in late.stderr.readline().decode()
        assert late.poll() is None
    assert late.communicate(timeout=20)[0] == b"went on\n"
    running.send_signal(signal.SIGINT)
    running.communicate()


def test_who_waited_too_long_sees_the_projects_page(site):
    connection, instance, _ = site
    with hold.held(connection, instance, wait=1) as held:
        assert [(answer()[0], answer()[2]["Retry-After"]) for _ in range(2)] == [(503, "30")] * 2
        request = http.client.HTTPConnection(get_node(NODE).host, timeout=20)
        request.request("POST", "/", body=visitors.PAYLOAD * 10, headers={"Host": HOST})
        response = request.getresponse()
        assert (response.status, response.read()) == (503, f"<h1>We paint the shop</h1>{maintenance.USUAL}".encode())
    assert held.refused == 5
    assert answer()[0] == 200


def test_a_deploy_answers_what_the_old_release_had_in_its_queue(site):
    _, _, root = site
    statuses = []
    visitor = lambda: statuses.append(answer("/slow")[0])  # noqa: E731
    with repeated(*[visitor] * 12):  # of 0.7 s each, for two workers
        subprocess.run([sys.executable, "-m", "kraftwerk", "deploy", NODE, "--yes"], cwd=root, check=True, timeout=120)
    assert set(statuses) == {200}


def test_in_maintenance_visitors_see_the_projects_page_and_all_else_goes_on(site):
    root = site[2]

    def kraftwerk(*words, codes=(0,)):
        command = [sys.executable, "-m", "kraftwerk", *words]
        done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    def kept():
        for method in ("GET", "POST"):
            request = http.client.HTTPConnection(get_node(NODE).host, timeout=20)
            request.request(method, "/static/x", headers={"Host": HOST}, body=b"x" if method == "POST" else None)
            response = request.getresponse()
            assert (response.status, response.headers["Retry-After"]) == (503, "300")
            assert response.read() == b"<h1>We paint the shop</h1>new colours"

    assert kraftwerk("maintenance", "on", "--yes", "--message", "new colours").startswith(
        f"{NODE}  {NAME}: visitors get 503"
    )
    kept()
    assert kraftwerk("run", "--", "echo", "here") == "here\n"
    said = kraftwerk("status", codes=(0, 1))  # a worker is off, by another test
    assert "web 2/2 · maintenance since " in said and ": new colours (kraftwerk maintenance off)" in said
    assert "GET / 200" in kraftwerk("deploy", NODE, "--yes")
    kept()
    local.stop(NODE)
    local.start(NODE)
    wait_for(lambda: on("systemctl is-active nginx") == "active")
    kept()
    kraftwerk("maintenance", "off")
    wait_for(lambda: answer()[0] == 200, 30)
    assert "maintenance" not in kraftwerk("status", codes=(0, 1))


def test_after_a_reboot_nothing_holds(site):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, NODE, NAME], stdout=subprocess.PIPE, text=True)
    while holder.stdout.readline().strip() != "held":
        assert holder.poll() is None
    local.stop(NODE)
    local.start(NODE)
    wait_for(lambda: answer()[0] == 200, 30)
    assert on(f"readlink /run/kraftwerk/{NAME}/current.sock") in ("a.sock", "b.sock")
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
