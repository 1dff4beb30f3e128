"""Backup points of a real site in a real bucket: made by cron, killed anywhere, proven, and brought back elsewhere."""

import json
import re
from contextlib import ExitStack, contextmanager

import pytest

from kraftwerk import local, lock
from kraftwerk import store as stores
from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import object_server
from tests.datasite import Place, deployed, kraftwerk
from tests.object_server import KEY, SECRET
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
BLUE, GREEN = "backup-blue", "backup-green"
blue, green = Place(BLUE), Place(GREEN)
RECORD = "/var/lib/kraftwerk/backups/mysite.json"
# Requests that a backup makes one after the other, and how many points there are before each.
HELD = {
    r"PUT .*/00000$": 0,
    r"GET .*/00000$": 0,
    r"PUT .*T\d+\.json$": 0,
    r"GET .*T\d+\.json$": 1,
    r"PUT .*verified$": 1,
}
# What cron does with a line of /etc/cron.d: its variables, no others, and sh.
AS_CRON = """\
file=/etc/cron.d/kraftwerk-backup-mysite line=$(grep '^[0-9*]' $file) path=$(sed -n 's/^PATH=//p' $file)
cd /root; env -i SHELL=/bin/sh PATH="$path" HOME=/root LOGNAME=root sh -c "${line#* * * * * root }"
"""


@pytest.fixture(scope="module")
def site(converged, tmp_path_factory):
    """Deploy a Django project with rows and files on two nodes; the first one's data is the one that matters."""
    with deployed(converged, tmp_path_factory.mktemp("backup"), blue, green) as folder:
        yield folder


@pytest.fixture(scope="module")
def server(site):
    """Return an S3 server that both nodes and this computer reach."""
    with object_server.running("10.77.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def scheduled(site, server):
    """Put the site on a schedule, into the bucket, in the clear."""
    kraftwerk("config", "set", "backup.access_key", KEY, cwd=site)
    kraftwerk("config", "set", "backup.secret_key", "--secret", cwd=site, stdin=SECRET)
    kraftwerk("config", "set", "backup.recipients", "none", cwd=site)
    words = ["backup", "schedule", "daily 03:00", "--keep", "2d", "--store", server.url]
    told = kraftwerk(*words, "--test", cwd=site)
    assert "when     daily 03:00 (cron: 0 3 * * *" in told and "Nothing was changed." in told
    kraftwerk(*words, "--yes", cwd=site)
    return site


@pytest.fixture
def store(scheduled, server):
    """Return the server without faults, and without points."""
    server.reset()
    blue.on(f"rm -f {RECORD}; sed -i 's/^DELAYS = .*/DELAYS = (0.01, 0.01)/' /usr/local/lib/kraftwerk/kw_store.py")
    yield server
    server.faults()


def points(site):
    return [each["name"] for each in json.loads(kraftwerk("backup", "list", "--json", cwd=site))]


def status(site, code=0):
    return kraftwerk("status", BLUE, cwd=site, code=code)


def record():
    return json.loads(blue.on(f"cat {RECORD}"))


@contextmanager
def running(function):
    """Have the node do something by itself, killed with -9 when the block ends."""
    program = f"python3 -I /usr/local/lib/kraftwerk/kw_call.py {function} mysite"
    pid = blue.on(f"setsid {program} >/tmp/said 2>&1 </dev/null & echo $!").strip()
    yield
    blue.on(f"kill -9 {pid} 2>/dev/null || true; while [ -d /proc/{pid} ]; do sleep 0.02; done")


def test_the_local_store_works_without_being_told_anything(site):
    assert "no backups yet → kraftwerk backup schedule" in status(site)
    told = kraftwerk("backup", "create", BLUE, cwd=site)
    assert re.search(r"postgres 11 tables \d+ rows ✓ · files 23 ✓  →  \d{8}T\d{6}  \(", told)
    assert f"kept on {BLUE} itself: who loses the node loses it, too" in told
    assert re.search(r" · backup \d+ s ago, \d+ kB, on this node only, never verified$", status(site).strip())
    told = kraftwerk("backup", "verify", "--to", BLUE, cwd=site)
    assert "postgres: loaded, 11 tables" in told and "files: loaded, 23 files" in told
    assert re.search(r"^PASS \d{8}T\d{6}: it can be restored, checked in ", told, re.MULTILINE)
    assert " verified " in status(site)
    assert blue.left() == ""
    blue.on("rm -r /var/backups/kraftwerk")


def test_cron_makes_points_and_tries_them_out(store, site):
    stores.call("kw_store.write", store.store, f"mysite/{BLUE}/20251120T030000/00000", "killed in the midst of it")
    blue.on(AS_CRON)
    assert not [name for name in store.objects() if "20251120" in name]
    said = blue.on("journalctl -q --no-pager -o cat -t kraftwerk-backup-mysite")
    assert SECRET not in said and '"stored"' in said, said
    found = record()
    assert found["verify"]["ok"] and found["verify"]["kind"] == "restore", found
    assert found["verify"]["point"] == found["success"]["point"] == points(site)[0]
    assert blue.left() == ""


@pytest.mark.parametrize("fault", ["error", "cut", "corrupt"])
def test_a_bad_line_is_no_failure(store, site, fault):
    store.faults(**{fault: 2})
    blue.on(AS_CRON)
    assert record()["success"]["point"] in points(site)
    assert status(site)


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ({"error": 99}, "500"),
        ({"corrupt": 99}, "is not what was written"),
        ({"room": 1000}, "s3://points is full"),
        ({"skew": True}, "the clocks differ too much"),
    ],
)
def test_a_failure_is_loud_and_leaves_nothing_half_visible(store, site, faults, words):
    store.faults(**faults)
    blue.on(AS_CRON)
    told = status(site, code=1)
    assert re.search(rf"backup ✗ failed \d+ s ago: .*{words}", told) and "→ kraftwerk backup" in told
    store.faults()
    assert points(site) == []
    blue.on(AS_CRON)
    assert len(points(site)) == 1
    assert status(site)


def test_a_full_disk_is_told_with_figures(store, site):
    blue.on("mount -t tmpfs -o size=20k,mode=700 tmpfs /web/mysite/dump")
    try:
        blue.on(AS_CRON)
        assert re.search(r"backup ✗ failed .*(no room: about .* MB are needed|No space left)", status(site, code=1))
        assert store.objects() == {}
    finally:
        blue.on("umount /web/mysite/dump")
    blue.on(AS_CRON)
    assert len(points(site)) == 1


def test_killed_at_every_step(store, site):
    """A point is there in full or not at all, and the next backup works: after -9 in the dump, at each request."""
    with blue.locked(), running("kw_backup.scheduled"):
        wait_for(blue.waiting)
    assert points(site) == []
    blue.on(f'sed -i \'s/"pid": [0-9]*/"pid": 1/\' {RECORD}')  # after a reboot somebody else has its number
    assert re.search(r"backup ✗ was killed \d+ s ago", status(site, code=1))
    for step, visible in HELD.items():
        store.reset()
        blue.on(f"rm -f {RECORD}")  # a rehearsal is due again
        store.faults(hold=step)
        with running("kw_backup.scheduled"):
            wait_for(store.held)
            assert SECRET not in blue.on("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' ' '")
            assert sum(name.endswith(".json") for name in store.objects()) == visible, step
        assert step.startswith("GET") or len(points(site)) == visible
        store.faults()
        blue.on(AS_CRON)
        assert record()["success"]["point"] == points(site)[-1]
        assert status(site)
    assert blue.left() == ""


def test_who_works_on_the_site_is_waited_for_or_named(store, site):
    with ExitStack() as somebody:
        somebody.enter_context(lock.held(Connection(get_node(BLUE)), "mysite"))
        assert "mysite is locked by" in kraftwerk("backup", "create", BLUE, cwd=site, code=1)
        assert status(site)  # who was told to come back later has not failed
        with running("kw_backup.create"):
            wait_for(lambda: "waiting for" in blue.on("cat /tmp/said"))
            assert store.objects() == {}
            somebody.close()
            wait_for(lambda: points(site))
    assert status(site)


def test_an_encrypted_point_and_a_lost_node(store, site):
    """The node can't read what it made; when it is gone, another one gets all of its data."""
    kraftwerk("config", "unset", "backup.recipients", cwd=site)
    assert "encrypt  for you; the node itself" in kraftwerk("backup", "schedule", "--yes", cwd=site)
    blue.on(AS_CRON)
    assert record()["sums"]["kind"] == "checksums"
    stored = blue.state()
    assert "PASS" in kraftwerk("backup", "verify", "--to", GREEN, cwd=site)
    local.destroy(BLUE)
    assert len(points(site)) == 1
    told = kraftwerk("backup", "restore", "latest", "--to", GREEN, "--yes", "--no-backup", cwd=site)
    assert "loaded and checked against the manifest ✓" in told
    assert green.state() == stored
    assert green.documents() == 20
    assert green.left() == ""
