"""Logs of a site on two nodes: one stream, over releases, rotation and what goes on while one watches."""

import http.client
import json
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests import console
from tests.sandbox import SCRIPTS, search_path
from tests.waiting import wait_for

pytestmark = [pytest.mark.node, pytest.mark.network]
NODES, NAME = ("logs-one", "logs-two"), "desk"
SITE = """\
def application(environ, start_response):
    print("asked for", environ["PATH_INFO"], flush=True)
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("no such shelf")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"here"]
"""
YAML = f"""\
wsgi: shop
workers: 1
processes: {{mail: "echo a letter; exec sleep infinity"}}
cron: {{tidy: {{at: "17 3 * * *", run: echo tidied}}}}
environments: {{production: {{nodes: [{", ".join(NODES)}]}}}}
"""
PROGRAM = "[w]hat the processes of an instance logged"  # its first words, as pgrep finds it


def on(node, words):
    return Connection(get_node(node)).script(words, check=False).stdout.decode().strip()


def get(node, path):
    connection = http.client.HTTPConnection(get_node(node).host, timeout=10)
    connection.request("GET", path, headers={"Host": f"{NAME}.{node}"})
    return connection.getresponse().status


@pytest.fixture(scope="module")
def root(make_shared_node, converged, tmp_path_factory, kraftwerk):
    for node in NODES:
        make_shared_node(node, base=converged)
    root = tmp_path_factory.mktemp("project") / NAME
    root.mkdir()
    (root / "shop.py").write_text(SITE)
    (root / "kraftwerk.yaml").write_text(YAML)
    (root / "requirements.txt").write_text("gunicorn\n")
    kraftwerk("deploy", "--all", "--yes", cwd=root)
    return root


@pytest.fixture
def records(root, kraftwerk):
    """Return what `kraftwerk logs` says, as a function of its words."""

    def read(*words, code=0):
        answer = kraftwerk("logs", "--json", *words, cwd=root, check=False)
        assert answer.returncode == code, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]

    return read


def test_all_processes_of_all_nodes_are_one_stream(root, kraftwerk, records):
    for node in NODES:
        assert get(node, "/one") == 200
    kraftwerk("cron", "run", "tidy", cwd=root)

    def complete():
        found = records("--since", "10m")
        said = {(each["node"], each["process"]) for each in found}
        everywhere = {(node, process) for node in NODES for process in ("web", "mail", "nginx")}
        return found if said == everywhere | {(NODES[0], "cron.tidy")} else None

    found = wait_for(complete)
    assert [each["time"] for each in found] == sorted(each["time"] for each in found)
    assert len(records()) == min(20, len(found)) and len(records("-n", "3")) == 3
    assert {each["text"] for each in records("--process", "mail", "--process", "cron")} == {"a letter", "tidied"}
    assert records(NODES[1], "--grep", "GET /one", "--process", "nginx")[0]["node"] == NODES[1]
    shown = kraftwerk("logs", "--process", "mail", cwd=root).stdout.splitlines()
    assert [line.split(None, 2)[2] for line in shown] == [f"{node}  mail   a letter" for node in NODES]
    assert abs(time.mktime(time.strptime(shown[0][:19], "%Y-%m-%d %H:%M:%S")) - time.time()) < 900


def test_a_traceback_is_found_as_a_whole(records):
    assert get(NODES[0], "/boom") == 500
    found = wait_for(lambda: records("--grep", "no such shelf", "--process", "web"))
    assert len(found) == 1
    first, second, *_, last = found[0]["text"].splitlines()
    assert "[ERROR] Error handling request" in first and first.endswith("/boom")
    assert (second, last) == ("Traceback (most recent call last):", "ValueError: no such shelf")


def test_what_was_turned_over_is_still_there(records):
    assert get(NODES[0], "/turned") == 200
    wait_for(lambda: len(records("--since", "10m", "--grep", "/turned")) == 3)  # web says it twice
    slot = on(NODES[0], f"readlink /web/{NAME}/slots/live")
    on(NODES[0], f"sv alarm /etc/service/{NAME}-web-{slot}/log")
    on(NODES[0], "logrotate --force /etc/logrotate.d/nginx")
    folder = f"/var/log/kraftwerk/{NAME}/web-{slot}"
    turned = f"ls {folder} | grep -c '^@'; ls /var/log/nginx | grep -c {NAME}.access.log.1"
    wait_for(lambda: on(NODES[0], turned) == "1\n1")
    assert len(records("--since", "10m", "--grep", "/turned")) == 3
    wait_for(lambda: records("--since", "1s", "--grep", "/turned") == [])  # it gets older


def test_one_stream_is_followed_over_switches_and_turns_until_ctrl_c(root, kraftwerk):
    words = [sys.executable, "-m", "kraftwerk", "logs", "-f", "-n", "0", "--grep", "asked for|GET /"]
    following = subprocess.Popen(words, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    seen = ""

    def read():
        nonlocal seen
        if select.select([following.stdout], [], [], 0.1)[0]:
            seen += os.read(following.stdout.fileno(), 100000).decode()
        return seen

    def asked(node, path):  # again and again: what was logged before it follows isn't told
        get(node, path)
        return f"asked for {path}" in read() and f'"GET {path} HTTP/1.1" 200' in seen

    for node in NODES:
        wait_for(lambda node=node: asked(node, f"/begin-{node}"))
    kraftwerk("restart", "web", "--node", NODES[0], cwd=root)  # the other slot
    slot = on(NODES[0], f"readlink /web/{NAME}/slots/live")
    on(NODES[0], f"sv alarm /etc/service/{NAME}-web-{slot}/log; logrotate --force /etc/logrotate.d/nginx")
    paths = [f"/{number}" for number in range(20)]
    for path in paths:
        for node in NODES:
            assert get(node, path) == 200
    wait_for(lambda: all(read().count(f"asked for {path}\n") == len(NODES) for path in paths))
    twice = 2 * len(NODES)  # web's and nginx's
    wait_for(lambda: all(read().count(f'"GET {path} HTTP/1.1"') == twice for path in paths))
    told = [line for line in seen.splitlines() if f"{NODES[0]}  web" in line and "asked for" in line]
    assert [line.split()[-1] for line in told][-len(paths) :] == paths
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=30)
    assert following.returncode == 130
    for node in NODES:
        wait_for(lambda node=node: on(node, f"pgrep -fc '{PROGRAM}'") == "0")


def test_it_ends_when_nobody_reads_on(root):
    words = f"{sys.executable} -m kraftwerk logs -f --process mail | head -n 2"
    subprocess.run(["bash", "-c", words], cwd=root, stdin=subprocess.DEVNULL, check=True, timeout=60)


def test_the_page(root):
    words = ["bash", "-c", console.script(console.ROOT / "docs" / "logs.md")]
    environ = os.environ | {"PATH": search_path(SCRIPTS)}
    done = subprocess.run(words, cwd=root, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"GET /' in done.stdout


def test_wrong_words_are_one_clear_line(root, kraftwerk):
    for words, said in (
        (["--since", "soon"], "Error: 'soon' is no moment\n"),
        (["--grep", "("], "Error: --grep '(' is no regular expression"),
        (["--process", "mial"], "Error: no process is called mial; there are web, nginx, mail, cron.tidy, cron\n"),
    ):
        answer = kraftwerk("logs", *words, cwd=root, check=False)
        assert answer.returncode == 2 and answer.stderr.startswith(said), answer.stderr
