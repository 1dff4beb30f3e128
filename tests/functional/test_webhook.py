"""The webhook over real HTTP, by itself: who gets in, sizes, slow clients, many at once."""

import asyncio
import hashlib
import hmac
import http.client
import importlib.util
import json
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from kraftwerk import admin, push, replays, webhook
from tests.console import ROOT

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def engine():
    specification = importlib.util.spec_from_file_location("kw_webhook", ROOT / "_engines" / "kw_webhook.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def port(engine, tmp_path, monkeypatch):
    """A webhook that listens, for a project mysite; yields its port."""
    monkeypatch.setenv("KRAFTWERK_HOME", str(tmp_path))
    monkeypatch.setattr(engine, "PATIENCE", 1)
    admin.ensure()
    source = {"repository": "/nowhere", "branches": {"main": "production", "staging": "staging"}}
    admin.config_file().write_text(json.dumps({"reactor": {"projects": {"mysite": source}}}))
    ready, place = threading.Event(), {}

    async def serve():
        with ThreadPoolExecutor(max_workers=1) as desk:
            server, place["loop"], place["end"] = engine.application(desk), asyncio.get_running_loop(), asyncio.Event()
            with socket.create_server(("127.0.0.1", 0), backlog=200) as listening:
                listening.setblocking(False)
                place["port"] = listening.getsockname()[1]
                server.add_sockets([listening])
                ready.set()
                await place["end"].wait()
                server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(5)
    yield place["port"]
    place["loop"].call_soon_threadsafe(place["end"].set)
    thread.join(10)


def signed(content, event="push", project="mysite"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    key = webhook.secret_words(webhook.secret(project)).encode()
    signature = hmac.new(key, body, hashlib.sha256).hexdigest()
    headers = {"X-GitHub-Event": event, "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": f"sha256={signature}"}
    return body, headers


def send(port, body, headers, path="/push/mysite", method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"{}")


def a_push(**changes):
    return {"ref": "refs/heads/main", "after": COMMIT, **changes}


def test_a_push_is_noted_before_it_is_answered(port):
    status, told = send(port, *signed(a_push()))
    assert (status, told) == (202, {"result": "accepted", "environment": "production", "commit": COMMIT})
    (noted,) = push.pending("mysite")
    assert (noted.commit, noted.environment, noted.delivery) == (COMMIT, "production", "d-1")
    assert abs(noted.received - time.time()) < 5


def test_the_same_again_is_refused_also_by_another_process(port):
    assert send(port, *signed(a_push()))[0] == 202
    assert send(port, *signed(a_push())) == (409, {"error": "received before"})
    assert replays.file_of("mysite").read_text().count("\n") == 1
    assert send(port, *signed(a_push(before="x")))[0] == 202


def test_who_is_refused(port):
    body, headers = signed(a_push())
    assert send(port, body, {})[0] == 401
    assert send(port, body + b" ", headers)[0] == 403
    assert send(port, body, headers, path="/push/another")[0] == 403  # another's secret
    assert send(port, *signed(a_push(), project="another"), path="/push/another")[0] == 404
    assert send(port, body, headers, path="/push/..%2fmysite")[0] == 404
    assert send(port, body, headers, path="/")[0] == 404
    assert send(port, None, {}, method="GET")[0] == 405
    assert push.pending() == []


def test_what_is_ignored_and_a_ping(port):
    assert send(port, *signed({"zen": "Design for failure."}, event="ping")) == (200, {"result": "pong"})
    assert send(port, *signed({}, event="issues")) == (202, {"result": "ignored: issues is no push to a branch"})
    assert send(port, *signed(a_push(ref="refs/heads/idea")))[1] == {"result": "ignored: this branch isn't deployed"}
    assert send(port, *signed(a_push(ref="refs/tags/v1")))[1] == {"result": "ignored: not a branch"}
    assert send(port, *signed(a_push(after="0" * 40)))[1] == {"result": "ignored: main was deleted"}
    assert push.pending() == []


def test_sizes(port, engine):
    big = json.dumps(a_push(commits=["x" * 1000] * 3000)).encode()
    assert send(port, *signed(big))[0] == 202
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"POST /push/mysite HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (engine.LIMIT + 1))
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
        while client.recv(1000):  # it is closed: nothing of such a body is read
            pass
    for head in (b"Content-Length: 1%s" % (b"0" * 5000), b"Content-Length: 5, 6", b"Content-Length: -1"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"POST /push/mysite HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n" % head)
            assert client.recv(100)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"POST /push/mysite HTTP/1.1\r\n" + b"X-A: %s\r\n" % (b"x" * 40_000))
        assert client.recv(100) in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert send(port, *signed(a_push()))[0] == 202


def in_chunks(count, size):
    yield from (b"x" * size for _ in range(count))


def test_a_body_in_chunks_is_a_body(port, engine):
    body, headers = signed(a_push())
    assert send(port, iter([body[:10], body[10:]]), headers)[0] == 202
    with pytest.raises((BrokenPipeError, ConnectionResetError, http.client.HTTPException)) as ended:
        assert send(port, in_chunks(100, engine.LIMIT // 50), headers)[0] == 413
        raise http.client.HTTPException("all of it was sent")
    assert ended.value
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"POST /push/mysite HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(b"%x\r\n%s" % (engine.LIMIT + 1, b"x" * (engine.LIMIT + 1)))
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")
    assert len(push.pending()) == 1


def test_headers_that_come_twice_are_no_way_in(port):
    body, headers = signed(a_push())
    right = headers.pop("X-Hub-Signature-256")
    for first, second in (("sha256=" + "0" * 64, right), (right, "sha256=" + "0" * 64), (right, right)):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            head = "".join(f"X-Hub-Signature-256: {each}\r\n" for each in (first, second))
            length = f"Content-Length: {len(body)}\r\n\r\n"
            client.sendall(f"POST /push/mysite HTTP/1.1\r\nHost: x\r\n{head}{length}".encode() + body)
            assert client.recv(100).startswith(b"HTTP/1.1 403 ")
    assert push.pending() == []


@pytest.mark.parametrize(
    "path",
    [
        "/push/mysite/",
        "/push/mysite%0a",
        "/push/mysite%00",
        "/push//mysite",
        "/push/../push/mysite",
        "/push/%2e%2e/mysite",
        "/push/MYSITE",
        "//push/mysite",
        "/push/mysite;x",
        "http://other/push/mysite",
    ],
)
def test_other_ways_to_write_a_path_lead_nowhere(port, path):
    status, _ = send(port, *signed(a_push()), path=path)
    assert status == 404 or (path.startswith("http:") and status in (202, 400, 404))


def test_what_is_signed_and_strange_is_refused(port):
    deep = b'{"ref":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for body in (deep, b"[" * 1_000_000, b'{"ref": ' + b"9" * 100_000 + b"}", b"\xff\xfe", b"", b"payload=%7B"):
        assert send(port, *signed(body))[0] == 400
    for branch in ("--upload-pack=touch x", "-x", "main\n", "$(id)", "{{ 7*7 }}", "../main", ["main"], {"a": 1}, None):
        assert send(port, *signed({"branch": branch, "commit": COMMIT}))[0] == 202
        assert send(port, *signed({"ref": f"refs/heads/{branch}", "after": COMMIT, "x": 1}))[0] == 202
    for commit in ("HEAD", "--help", COMMIT + "\n", COMMIT[:39], COMMIT.upper(), [COMMIT], 1):
        assert send(port, *signed(a_push(after=commit)))[0] == 400
    assert push.pending() == []


def test_slow_clients_block_nobody_and_are_let_go(port):
    slow = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(100)]
    for number, client in enumerate(slow):
        head = b"POST /push/mysite HTTP/1.1\r\n"
        client.sendall(head if number % 2 else head + b"Host: x\r\nContent-Length: 100\r\n\r\n{")
    assert send(port, *signed(a_push()))[0] == 202
    assert select.select(slow, [], [], 0)[0] == []  # none was let go for it: all of them still wait
    for client in slow:
        with client:
            assert b"202" not in client.recv(1000)


def test_many_at_once_are_all_answered_and_each_is_accepted_once(port):
    bodies = [signed(a_push(number=number % 20)) for number in range(60)]
    with ThreadPoolExecutor(max_workers=30) as clients:
        answers = list(clients.map(lambda one: send(port, *one)[0], bodies))
    assert sorted(answers) == [202] * 20 + [409] * 40
    assert len(push.pending("mysite")) == 1
