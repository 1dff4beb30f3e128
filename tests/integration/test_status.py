"""What `kraftwerk status` sees of a real node: what visitors met, disks, updates, certificates, units; also watched."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from kraftwerk import health
from kraftwerk.node import get_node
from kraftwerk.transport import Connection

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, NAME = "status-one", "desk"
HOST = f"{NAME}.{NODE}"
LOG = f"/var/log/nginx/{NAME}.access.log"
TLS = f"/var/lib/kraftwerk/tls/{NAME}/live"
DAY = 86400
APPLICATION = """\
def application(environ, start_response):
    start_response("500 Oops" if environ["PATH_INFO"] == "/boom" else "200 OK", [("Content-Type", "text/plain")])
    return [b"open"]
"""
YAML = """\
wsgi: desk
workers: 1
processes: {clock: sleep 100000}
cron:
  tidy: {at: "17 3 29 2 *", run: "true"}
"""


def on(words):
    return Connection(get_node(NODE)).script(words).stdout.decode().strip()


@pytest.fixture(scope="module")
def root(make_shared_node, converged, tmp_path_factory, kraftwerk):
    make_shared_node(NODE, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    for name, text in {"desk.py": APPLICATION, "kraftwerk.yaml": YAML, "requirements.txt": "gunicorn\n"}.items():
        (root / name).write_text(text)
    kraftwerk("deploy", NODE, "--yes", cwd=root)
    return root


@pytest.fixture
def status(root, kraftwerk):
    """Return a function that runs `kraftwerk status` and returns what it prints; it must end with an exit code."""

    def run(*words, code=0):
        done = kraftwerk("status", *words, cwd=root, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def below(printed):
    """Return the lines below the site's own, without the node's name."""
    return [line.removeprefix(f"{NODE}    ") for line in printed.splitlines()[1:]]


def ask(path, times):
    url = f"http://{get_node(NODE).host}{path}"
    command = ["curl", "-s", "-o", "/dev/null", "--noproxy", "*", "-H", f"Host: {HOST}", *[url] * times]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def test_a_site_that_is_well_has_one_line_and_with_v_the_whole_screen(status):
    assert re.fullmatch(rf"{NODE}  ✓ web 1/1 · clock ✓ · cron 1 ✓ · disk \d+% · release 1 · no backups .*\n", status())
    on(f": >{LOG}")
    ask("/", 4)
    traffic, processes, cron, node = below(status("-v"))
    assert re.fullmatch(r"5xx 0\.0% · p95 \d+ ms · 4 requests in the last 10 min", traffic)
    assert re.fullmatch(r"clock up \d+ \w+ · web up \d+ \w+", processes)
    assert cron == "cron tidy has not run yet"
    assert re.match(r"load \d+\.\d/\d+ · memory \d+% · disk \d+% · ", node)
    assert node.endswith(" · clock +0.0s")


def test_a_warm_look_takes_less_than_a_second(status, kraftwerk, root):
    node, looks, calls = get_node(NODE), [], []
    for _ in range(5):
        began = time.monotonic()
        assert not health.look(node, deep=True).unreachable
        looks.append(time.monotonic() - began)
        began = time.monotonic()
        kraftwerk("status", cwd=root)
        calls.append(time.monotonic() - began)
    print(
        f"a deep look took {min(looks):.2f} to {max(looks):.2f} s, the command {min(calls):.2f} to {max(calls):.2f} s"
    )
    assert min(looks) < 1


def test_requests_that_failed_are_a_finding_with_its_command(status):
    on(f": >{LOG}")
    ask("/", 15)
    ask("/boom", 5)
    (found,) = below(status(code=1))
    assert found == "✗ 5 of 20 requests in the last 10 min were answered with 5xx → kraftwerk logs --process web"
    (seen,) = json.loads(status("--json", code=1))
    assert (seen["traffic"]["requests"], seen["traffic"]["errors"], seen["ok"]) == (20, 5, False)
    assert 0 <= seen["traffic"]["p95_ms"] < 5000
    assert [each["name"] for each in seen["findings"]] == ["traffic"]
    on(f": >{LOG}")
    status()


def test_a_page_that_keeps_visitors_out_is_no_error_of_the_site(status, kraftwerk, root):
    kraftwerk("maintenance", "on", "--yes", cwd=root)
    on(f": >{LOG}")
    ask("/", 8)
    kraftwerk("maintenance", "off", cwd=root)
    (seen,) = json.loads(status("--json"))
    assert (seen["traffic"]["requests"], seen["traffic"]["errors"]) == (8, 0)


def test_a_disk_that_fills_is_told_before_it_is_full(status):
    status()
    assert int(on("grep -c '\t/\t' /var/lib/kraftwerk/disk.log")) == 1
    used, left = on("df --output=used,avail / | tail -n 1").split()
    daily = int(left) // 4
    lines = [f"{int(time.time()) - day * DAY}\t/\t{int(used) - day * daily}" for day in (3, 2, 1)]
    on("cat >/var/lib/kraftwerk/disk.log <<'END'\n" + "\n".join(lines) + "\nEND\n")
    if int(on("df --output=pcent / | tail -n 1").strip("% ")) < 90:
        (found,) = below(status(code=1))
        assert re.match(r"✗ the disk is \d+% full, and as it goes wholly in [34] days → kraftwerk run --node", found)
    (seen,) = json.loads(status("--json", code=1))
    assert 3 < seen["machine"]["disks"]["/"]["full_in_days"] < 5
    assert on("wc -l </var/lib/kraftwerk/disk.log") == "3"  # the last sample is a moment old
    on("touch -d '7 hours ago' /var/lib/kraftwerk/disk.log")
    status(code=1)
    assert int(on("wc -l </var/lib/kraftwerk/disk.log")) > 3
    on("rm /var/lib/kraftwerk/disk.log")
    status()


def test_a_certificate_is_told_of_two_weeks_before_its_end(status):
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=desk -keyout /dev/null -out"
    on(f"mkdir -p {TLS}; {make} {TLS}/fullchain.pem -days 75 2>/dev/null")
    assert "the certificate holds for 75 d" in below(status("-v"))
    on(f"{make} {TLS}/fullchain.pem -days 5 2>/dev/null")
    assert below(status(code=1)) == [f"✗ the certificate holds for 5 d → kraftwerk highstate {NODE}"]
    (seen,) = json.loads(status("--json", code=1))
    assert [each["days"] for each in seen["certificates"]] == [4]
    on(f"echo broken >{TLS}/fullchain.pem")
    assert below(status(code=1)) == [f"✗ the certificate can't be read → kraftwerk highstate {NODE}"]
    on(f"rm -r {TLS}")
    status()


def test_updates_are_counted_by_apt_and_asked_for_once(status):
    (seen,) = json.loads(status("--json"))
    if on("ls /var/lib/apt/lists/*_Packages* 2>/dev/null || true") == "":
        pytest.skip("the node's Debian came without lists")
    wait = on("apt-get -s --with-new-pkgs upgrade | grep -c '^Inst ' || true")
    assert seen["machine"]["updates"]["count"] == int(wait)
    on("touch -d '1 hour ago' /var/lib/kraftwerk/updates")
    before = on("stat -c %Y /var/lib/kraftwerk/updates")
    status()
    assert on("stat -c %Y /var/lib/kraftwerk/updates") == before
    on("touch /var/lib/dpkg/status")
    status()
    assert on("stat -c %Y /var/lib/kraftwerk/updates") != before


def test_a_unit_that_is_down_is_told(status):
    on("systemctl stop cron")
    (found,) = below(status(code=1))
    assert found.startswith(f"✗ the unit cron is inactive → kraftwerk run --node {NODE} --as root -- systemctl status")
    on("systemctl start cron")
    status()


def test_it_can_be_watched_until_ctrl_c_or_until_nobody_reads(root):
    command = [sys.executable, "-m", "kraftwerk", "status", "--watch"]
    watching = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    headings = 0
    while headings < 2:
        line = watching.stdout.readline()
        assert line
        headings += bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n", line))
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert (watching.returncode, said.strip()) == (130, "Interrupted.")
    watching = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(30) in (0, 1, 141)
    assert "Traceback" not in watching.stderr.read()
    watching.stderr.close()


def test_watching_is_no_list_for_scripts(root, kraftwerk):
    done = kraftwerk("status", "--watch", "--json", cwd=root, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: --json prints one look\n→ kraftwerk status --json\n")
