"""What is open while one release takes another's place: uploads, long answers, kept connections, websockets."""

import http.client
import subprocess
import sys

import pytest

from kraftwerk.node import get_node
from kraftwerk.transport import Connection
from tests.waiting import wait_for
from tests.websocket import Websocket

pytestmark = [pytest.mark.node, pytest.mark.network]
NODE = "switch-one"
DRAIN = 20

# Both say which release answers and how much they were sent; at /long they end when there is a file that says so.
WSGI = """\
import os, time

def application(environ, start_response):
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] != "/long":
        return [f"VERSION {size}".encode()]
    return long()

def long():
    yield b"begun by VERSION, "
    while not os.path.exists("/tmp/switch-end"):
        time.sleep(0.05)
        yield b"."
    yield b" ended by VERSION"
"""
ASGI = """\
import asyncio, os

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await echo(receive, send)
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/long":
        await send({"type": "http.response.body", "body": b"begun by VERSION, ", "more_body": True})
        while not os.path.exists("/tmp/switch-end"):
            await asyncio.sleep(0.05)
            await send({"type": "http.response.body", "body": b".", "more_body": True})
        return await send({"type": "http.response.body", "body": b" ended by VERSION"})
    await send({"type": "http.response.body", "body": f"VERSION {size}".encode()})

async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"VERSION {message['text']}"})
"""


class Site:
    """A project here, deployed to the node."""

    def __init__(self, root, name, code, yaml, packages):
        self.root, self.code = root / name, code
        self.host = f"{name}.{NODE}"
        self.root.mkdir()
        (self.root / "kraftwerk.yaml").write_text(yaml)
        (self.root / "requirements.txt").write_text(packages)

    def start(self, version):
        """Begin to deploy a version."""
        (self.root / "app.py").write_text(self.code.replace("VERSION", version))
        command = [sys.executable, "-m", "kraftwerk", "deploy", NODE, "--yes"]
        return subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def deploy(self, version):
        running = self.start(version)
        printed = running.communicate(timeout=300)[0]
        assert running.returncode == 0, printed
        return printed

    def connect(self):
        return http.client.HTTPConnection(get_node(NODE).host, timeout=60)

    def ask(self, connection, path="/"):
        connection.request("GET", path, headers={"Host": self.host})
        response = connection.getresponse()
        return response.read().decode()

    def long(self):
        """Begin to ask for what takes its time; returns a function that has it end, and returns its words."""
        self.on("rm -f /tmp/switch-end")
        connection = self.connect()
        connection.request("GET", "/long", headers={"Host": self.host})
        response = connection.getresponse()  # so it has begun

        def answer():
            self.on("touch /tmp/switch-end")
            return response.read().decode().replace(".", "")

        return answer

    def upload(self, size):
        """Begin to send a body, half of it; returns a function that sends the rest and returns the answer."""
        connection = self.connect()
        connection.putrequest("POST", "/", skip_host=True)
        connection.putheader("Host", self.host)
        connection.putheader("Content-Length", str(size))
        connection.endheaders(b"x" * (size // 2))

        def rest():
            connection.send(b"x" * (size - size // 2))
            return connection.getresponse().read().decode()

        return rest

    def on(self, script):
        return Connection(get_node(NODE)).script(script).stdout.decode().strip()


@pytest.fixture(scope="module")
def node(make_shared_node, converged):
    return make_shared_node(NODE, base=converged)


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def site(request, node, tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    if request.param == "gunicorn":
        made = Site(root, "shop", WSGI, f"wsgi: app\nworkers: 2\ndrain: {DRAIN}\ntimeout: 120\n", "gunicorn\n")
    else:
        made = Site(
            root,
            "chat",
            ASGI,
            f"asgi: app:app\nworkers: 1\ndrain: {DRAIN}\ntimeout: 120\n",
            "gunicorn\nuvicorn-worker\nwebsockets\n",
        )
    made.deploy("one")
    return made


def test_uploads_long_answers_and_kept_connections_survive_a_switch(site):
    kept = site.connect()
    assert site.ask(kept) == "one 0"
    rest = site.upload(1_000_000)
    answer, running = site.long(), site.start("two")
    wait_for(lambda: site.ask(kept) == "two 0", 60)
    assert running.poll() is None  # the old release has its time
    assert rest() == "two 1000000"
    assert answer() == "begun by one,  ended by one"
    assert running.wait(60) == 0
    running.stdout.close()


def test_who_deploys_is_killed_after_the_switch_and_what_is_open_is_answered(site):
    site.deploy("one")
    kept, answer, running = site.connect(), site.long(), site.start("three")
    wait_for(lambda: site.ask(kept).startswith("three"), 60)
    running.kill()
    running.communicate()
    free = f"flock -n /run/kraftwerk-lock/{site.root.name} echo free || true"
    wait_for(lambda: site.on(free) == "free", 60)
    assert answer() == "begun by one,  ended by one"
    site.deploy("four")
    assert site.ask(kept) == "four 0"


@pytest.mark.parametrize("site", ["uvicorn"], indirect=True)
def test_a_websocket_has_its_time_and_comes_back_to_the_new_release(site):
    socket = Websocket(get_node(NODE).host, site.host)
    socket.say("hello")
    assert socket.hear() == "four hello"
    running, kept = site.start("five"), site.connect()
    wait_for(lambda: site.ask(kept) == "five 0", 60)
    socket.say("are you there")
    assert socket.hear() == "four are you there"
    assert running.poll() is None
    socket.close()
    assert running.wait(10) == 0, "nothing is open any more"
    running.stdout.close()
    again = Websocket(get_node(NODE).host, site.host)
    again.say("hello")
    assert again.hear() == "five hello"
    again.close()
