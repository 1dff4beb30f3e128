"""The reactor on real nodes: signed pushes go live, others are refused, new nodes are converged, failures are told."""

import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from kraftwerk import admin, events, local, lock, push, saltmaster, webhook
from kraftwerk.node import get_node
from kraftwerk.paths import config_home, reactor_home
from kraftwerk.ports import free_port
from kraftwerk.transport import Connection
from tests.integration.conftest import node_factory

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE, PROJECT = "reactor-one", "parcel"

CODE = """\
import os


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%s"]
"""
HOLD = "/run/parcel-hold"  # while it is on the node, a release waits
YAML = f"""\
wsgi: parcel
workers: 1
release: ["while [ -e {HOLD} ]; do sleep 0.1; done"]
environments:
  production: {{nodes: [{NODE}]}}
  staging: {{nodes: [{NODE}]}}
"""


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "\n".join(event.line() for event in events.last(30))
        time.sleep(0.05)
    return found


def happened(tag, commit=None):
    """Return the events of a tag, of one commit or of all."""
    return [each for each in events.last(500) if each.tag == tag and commit in (None, each.data.get("commit"))]


class Repository:
    """A project's repository on this disk, and a clone of it to work in."""

    def __init__(self, folder):
        self.address, self.work = folder / f"{PROJECT}.git", folder / PROJECT
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", self.address], check=True)
        subprocess.run(["git", "clone", "--quiet", self.address, self.work], check=True, stderr=subprocess.DEVNULL)
        self.git("config", "user.name", "A")
        self.git("config", "user.email", "a@example.com")
        (self.work / "kraftwerk.yaml").write_text(YAML)
        (self.work / "requirements.txt").write_text("gunicorn\n")

    def git(self, *words):
        done = subprocess.run(["git", "-C", self.work, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def push(self, body, branch="main", code=CODE):
        """Commit a site that answers with this, push it, and return the commit."""
        self.git("checkout", "--quiet", "-B", branch)
        (self.work / "parcel.py").write_text(code % body if "%" in code else code)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", body)
        self.git("push", "--quiet", "--force", "origin", branch)
        return self.git("rev-parse", "HEAD")


class Mailbox(BaseHTTPRequestHandler):
    """Where alerts arrive."""

    told = []  # noqa: RUF012 - one mailbox for the module

    def do_POST(self):
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def alerts():
    server = HTTPServer(("127.0.0.1", 0), Mailbox)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module")
def site(converged, repository, alerts):
    """A node, and a reactor that deploys the project to it; yields the node's address."""
    before = admin.config_file().read_text()
    section = {
        "listen": f"127.0.0.1:{free_port()}",
        "publish_port": free_port(),
        "return_port": free_port(),
        "projects": {
            PROJECT: {"repository": str(repository.address), "branches": {"main": "production", "staging": "staging"}}
        },
        "alerts": [f"json://127.0.0.1:{alerts}/"],
    }
    admin.config_file().write_text(f"{before}\nreactor: {json.dumps(section)}\n")
    with node_factory() as make:
        connection = make(NODE, base=converged)
        command("start")
        try:
            yield connection.node.host
        finally:
            command("stop")
            admin.config_file().write_text(before)


def command(*words, code=0):
    """Run `kraftwerk reactor …` as a user would, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "kraftwerk", "reactor", *words], cwd="/", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def send(body, headers, project=PROJECT):
    connection = http.client.HTTPConnection(*admin.load().reactor.address, timeout=10)
    connection.request("POST", f"/push/{project}", body, headers)
    return connection.getresponse().status


def github(commit, branch="main", key=None):
    """Return body and headers of a push as GitHub sends it."""
    body = json.dumps({"ref": f"refs/heads/{branch}", "after": commit, "deleted": False}).encode()
    words = (key or webhook.secret_words(webhook.secret(PROJECT))).encode()
    signature = "sha256=" + hmac.new(words, body, hashlib.sha256).hexdigest()
    return body, {"X-GitHub-Event": "push", "X-Hub-Signature-256": signature, "Content-Type": "application/json"}


def page(address, domain=f"{PROJECT}.{NODE}"):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": domain})
        return connection.getresponse().read().decode()
    except OSError:
        return ""


def finished(commit):
    return wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/finished", commit))[0]


def test_a_signed_push_is_live_within_seconds(site, repository, record_property):
    commit = repository.push("one")
    assert send(*github(commit)) == 202
    wait_for(lambda: page(site) == "one", 120)
    finished(commit)
    commit, start = repository.push("two"), time.monotonic()
    assert send(*github(commit)) == 202
    wait_for(lambda: page(site) == "two")
    seconds = time.monotonic() - start
    record_property("push_to_live_seconds", round(seconds, 1))
    print(f"from push to live: {seconds:.1f} s")
    assert seconds < 30
    assert finished(commit).data["environment"] == "production"


def test_what_is_not_signed_wrong_or_replayed_is_refused(site, repository):
    commit = repository.git("rev-parse", "origin/main")
    before = len(happened(f"kraftwerk/push/{PROJECT}"))
    body, headers = github(commit)
    assert send(body, {"X-GitHub-Event": "push"}) == 401
    assert send(*github(commit, key="guessed")) == 403
    assert send(body + b" ", headers) == 403
    assert send(body, headers) == 409
    assert send(body, headers, project="another") == 403
    assert send(*github(commit, branch="idea")) == 202  # ignored
    assert len(happened(f"kraftwerk/push/{PROJECT}")) == before


def test_an_old_commit_is_not_deployed(site, repository):
    old = repository.git("rev-parse", "origin/main~1")
    assert send(*plain({"branch": "main", "commit": old})) == 202
    wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/superseded", old))
    assert page(site) == "two"


def plain(content):
    body = json.dumps(content).encode()
    return body, webhook.sign(webhook.secret(PROJECT), int(time.time()), body)


def test_the_staging_branch_goes_to_staging(site, repository):
    commit = repository.push("rehearsal", branch="staging")
    assert send(*github(commit, branch="staging")) == 202
    assert finished(commit).data["url"] == f"http://{PROJECT}-staging.{NODE}"
    assert page(site, f"{PROJECT}-staging.{NODE}") == "rehearsal"
    assert page(site) == "two"


def test_of_quick_pushes_the_newest_wins_and_one_runs_at_a_time(site, repository):
    repository.git("checkout", "--quiet", "main")
    node = Connection(get_node(NODE))
    node.run(["touch", HOLD])
    first = repository.push("first")
    send(*github(first))
    wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/started", first))
    second = repository.push("second")
    send(*github(second))
    third = repository.push("third")
    send(*github(third))
    node.run(["rm", HOLD])
    wait_for(lambda: page(site) == "third")
    finished(third)
    steps = [each for each in events.last(500) if each.data.get("commit") in (first, second, third)]
    assert [(each.tag.rpartition("/")[2], each.data["commit"]) for each in steps if "/deploy/" in each.tag] == [
        (what, commit) for commit in (first, third) for what in ("started", "finished")
    ]


def test_a_failure_leaves_the_old_release_and_is_told(site, repository):
    commit = repository.push("broken", code="this is no Python\n")
    send(*github(commit))
    wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/failed", commit))
    alert = wait_for(lambda: [each for each in Mailbox.told if commit[:8] in json.dumps(each)])[0]
    assert f"{PROJECT} was not deployed to production" in alert["title"]
    assert "SyntaxError" in alert["message"]
    assert page(site) == "third"


def test_a_push_waits_for_a_dump(site, repository):
    commit = repository.push("after the dump")
    with lock.held(Connection(get_node(NODE)), PROJECT):
        assert send(*github(commit)) == 202
        begun = time.time()
        wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/started", commit) and time.time() > begun + 4)
        assert page(site) == "third"
    wait_for(lambda: page(site) == "after the dump")


def crash():
    os.kill(saltmaster.status(reactor_home()).pid, signal.SIGKILL)
    wait_for(lambda: not saltmaster.status(reactor_home()).whole)
    assert "broken" in command("status", code=1)


def stop():
    command("stop")
    assert "not running" in command("status", code=1)


@pytest.mark.parametrize("end", [crash, stop])
def test_a_push_survives_the_end_of_the_reactor_in_its_middle(site, repository, end):
    node, before = Connection(get_node(NODE)), page(site)
    node.run(["touch", HOLD])
    commit = repository.push(f"after a {end.__name__}")
    send(*github(commit))
    wait_for(lambda: happened(f"kraftwerk/deploy/{PROJECT}/started", commit))
    end()
    assert page(site) == before
    node.run(["rm", HOLD])
    command("start")
    wait_for(lambda: page(site) == f"after a {end.__name__}")
    wait_for(lambda: not push.pending())
    assert not happened(f"kraftwerk/deploy/{PROJECT}/failed", commit)


def test_each_station_is_told(site):
    assert "it ran already" in command("start")
    printed = command("test")
    assert "✗" not in printed
    assert printed.count("✓") == 5
    found = json.loads(command("status", "--json"))
    assert found["running"] and found["webhook"]["listens"]
    assert found["projects"][PROJECT]["deploys"]["production"]["tag"] == "finished"
    words = webhook.secret_words(webhook.secret(PROJECT))
    logs = [path for path in reactor_home().rglob("*") if path.is_file() and path.suffix in ("", ".log", ".jsonl")]
    assert not [path for path in logs if words.encode() in path.read_bytes()]


def test_a_node_that_salt_cloud_makes_is_converged(site, converged, salt_cloud, forget_node):
    name = "reactor-two"
    profile = config_home() / "cloud.profiles.d" / "reactor.conf"
    profile.write_text(f"local-converged: {{provider: local, image: bookworm, base: {converged}}}\n")
    forget_node(name)
    salt_cloud("-p", "local-converged", name)
    wait_for(lambda: happened(f"salt/cloud/{name}/created"))
    wait_for(lambda: happened(f"kraftwerk/highstate/{name}/finished"), 120)
    assert local.status(name) == "running"
    profile.unlink()
