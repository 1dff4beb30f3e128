"""The reactor watches a real node: what is wrong with it is seen, mended where it can be, and told once."""

import json

import pytest

from kraftwerk import events, health, local, localboot, localnet, lock, problem, watch
from kraftwerk.machine import existing
from kraftwerk.node import get_node
from kraftwerk.ports import free_port
from kraftwerk.transport import Connection
from tests.receivers import hook, port_of
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "health-one"
APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"open"]
"""
PROJECT = """\
wsgi: shop
workers: 1
processes:
  clock: sleep 100000
"""


class Watched:
    """A node that a reactor watches, and the alerts that arrived."""

    def __init__(self, alerts):
        self.alerts = alerts

    def on(self, script):
        return Connection(get_node(NODE)).script(script).stdout.decode().strip()

    def look(self):
        return health.look(get_node(NODE))

    def problems(self):
        return {each.name for each in problem.found(self.look())}

    def told(self, title):
        """Return the messages of the alerts with that title."""
        return [alert["message"] for alert in self.alerts if alert["title"] == f"[kraftwerk] {title}"]

    def wait(self, title):
        return wait_for(lambda: self.told(title), 90)[0]


@pytest.fixture(scope="module")
def deployed(make_shared_node, converged, tmp_path_factory):
    """A node with three releases of a site, on a small disk of their own."""
    connection = make_shared_node(NODE, base=converged)
    connection.script("mount -t tmpfs -o size=300m,mode=755 tmpfs /web")
    root = tmp_path_factory.mktemp("project") / "shop"
    root.mkdir()
    for name, text in {"shop.py": APPLICATION, "kraftwerk.yaml": PROJECT, "requirements.txt": "gunicorn\n"}.items():
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def watched(home, deployed, kraftwerk):
    """The node with a reactor that looks at it every five seconds."""
    for _ in range(3):
        kraftwerk("deploy", NODE, "--yes", cwd=deployed)
    config = home / "config.yaml"
    before = config.read_text()
    with hook() as http:
        settings = {
            "listen": f"127.0.0.1:{free_port()}",
            "publish_port": free_port(),
            "return_port": free_port(),
            "interval": 5,
            "alerts": [f"json://127.0.0.1:{port_of(http)}/"],
        }
        config.write_text(f"{before}\nreactor: {json.dumps(settings)}\n")
        kraftwerk("reactor", "start")
        yield Watched(http.taken)
        kraftwerk("reactor", "stop")
        config.write_text(before)


def test_a_look_sees_everything_in_one_cheap_round_trip(watched):
    wait_for(lambda: watched.problems() == set())  # its processes were young a moment ago
    look = watched.look()
    assert {unit.name for unit in look.units} == {"nginx", "runit", "cron", "service/postgres"}
    assert {each.service for each in look.processes if each.instance == "shop"} >= {"shop-clock"}
    assert look.sites == {"shop": "200"}


def test_a_look_sees_who_is_at_work(watched):
    with lock.held(Connection(get_node(NODE)), "shop"):
        assert watched.look().locks == {"shop"}
    assert watched.look().locks == frozenset()


def test_postgres_that_was_stopped_by_hand_comes_back_and_is_told_once(watched):
    watched.on("systemctl stop postgresql")
    message = watched.wait(f"postgres on {NODE} does not work")
    assert "the unit postgresql is inactive" in message
    assert f"Done: kraftwerk restarted postgresql; postgres on {NODE} works again." in message
    assert watched.on("pg_isready -q && echo yes") == "yes"
    watched.wait(f"postgres on {NODE} works again")
    assert [alert["type"] for alert in watched.alerts] == ["warning", "success"]
    tags = [event.tag.rpartition("/")[2] for event in events.last(10) if event.tag.startswith("kraftwerk/node/")]
    assert tags == ["raised", "mended", "cleared"]


def test_a_worker_that_is_down_for_good_runs_again_and_so_does_a_server_that_does_not_answer(watched):
    watched.on("sv down /etc/service/shop-clock; pg_ctlcluster $(pg_lsclusters -h | awk '{print $1, $2}') stop -m fast")
    assert "clock of shop is down" in watched.wait(f"the process shop-clock on {NODE} does not run")
    postgres = f"postgres on {NODE} does not work"
    wait_for(lambda: len(watched.told(postgres)) == 2, 60)
    assert "is active, but does not work" in watched.told(postgres)[1]
    watched.wait(f"the process shop-clock on {NODE} runs again")
    wait_for(lambda: len(watched.told(f"postgres on {NODE} works again")) == 2, 60)
    assert watched.problems() == set()


def test_what_is_off_on_purpose_stays_off(watched):
    watched.on("systemctl disable --now cron")
    assert watched.problems() == set()
    watched.on("systemctl enable --now cron")


def test_a_backup_that_fails_is_told_and_so_is_that_it_works_again(watched, deployed, kraftwerk):
    watched.on("touch /var/backups/kraftwerk")
    assert kraftwerk("backup", "create", cwd=deployed, check=False).returncode == 1
    message = watched.wait(f"the backups of shop on {NODE} don't work")
    assert "the backup of shop failed" in message and "/var/backups/kraftwerk" in message
    assert f"Next: kraftwerk run --node {NODE} --as root -- journalctl" in message
    watched.on("rm /var/backups/kraftwerk")
    kraftwerk("backup", "create", cwd=deployed)
    watched.wait(f"the backups of shop on {NODE} work again")


def test_a_full_disk_gets_room_and_keeps_a_release_to_go_back_to(watched):
    watched.on("fallocate -l $(($(df --output=avail -k /web | tail -n 1) - 8000))k /web/shop/releases/1/big")
    message = watched.wait(f"a disk of {NODE} is nearly full")
    assert "/web: 9" in message
    assert "Done: kraftwerk removed 1 old releases of shop (" in message
    assert watched.on("ls /web/shop/releases") == "2\n3"
    watched.wait(f"the disks of {NODE} have room again")
    assert watched.look().sites == {"shop": "200"}


def test_a_node_that_is_gone_is_told_once_and_a_restarted_reactor_does_not_tell_it_again(watched, kraftwerk):
    machine = existing(NODE)
    Connection(machine.node).close()
    localboot.power_off(machine.folder)
    localnet.detach(machine.address)
    message = watched.wait(f"{NODE} can't be reached")
    assert f"Next: kraftwerk start-node {NODE}" in message
    kraftwerk("reactor", "stop")
    kraftwerk("reactor", "start")
    assert [(node, known.name) for node, known in watch.raised()] == [(NODE, "unreachable")]
    local.start(NODE)
    watched.wait(f"{NODE} can be reached again")
    assert len(watched.told(f"{NODE} can't be reached")) == 1
