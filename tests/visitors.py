"""Visitors of a site who never stop asking while something is done to it, and what they saw."""

import hashlib
import http.client
import select
import threading
import time
from collections import Counter
from contextlib import contextmanager

from tests.meanwhile import repeated

# The application that they visit: it answers with the sum of what it was sent, and /slow takes its time.
SITE = """\
import hashlib, time

def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.7)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [hashlib.sha256(body).hexdigest().encode()]
"""
PAYLOAD = b"posted " * 40000


class Visitors:
    """Counts of answers, what failed, and the longest time without any answer."""

    def __init__(self):
        self.answers, self.failed = 0, Counter()
        self.longest = 0.0  # seconds that one request took
        self.gap = 0.0  # seconds from one answer to the next
        self.last = time.monotonic()
        self.lock = threading.Lock()

    def note(self, kind, seconds, error=""):
        with self.lock:
            now = time.monotonic()
            if error:
                self.failed[f"{kind}: {error}"] += 1
                return
            self.answers += 1
            self.longest, self.gap, self.last = max(self.longest, seconds), max(self.gap, now - self.last), now


def ask(visitors, kind, connection, host, method, path, body=None, again=False):
    """Ask once, and note what came.

    again: as browsers do, ask anew where a kept connection was closed in the moment in which it was used again.
    """
    began, error, kept = time.monotonic(), "", connection.sock is not None
    if connection.sock and select.select([connection.sock], [], [], 0)[0]:
        connection.close()  # a kept one that the server has closed since: clients look for that
    try:
        connection.request(method, path, body=body, headers={"Host": host})
        response = connection.getresponse()
        said = response.read().decode(errors="replace")
        if (response.status, said) != (200, hashlib.sha256(body or b"").hexdigest()):
            error = f"{response.status} {said[:60]}"
    except (OSError, http.client.HTTPException) as wrong:
        connection.close()
        if again and kept and isinstance(wrong, (ConnectionResetError, BrokenPipeError)):
            ask(visitors, kind, connection, host, method, path, body)
            return
        error = repr(wrong)
    visitors.note(kind, time.monotonic() - began, error)


@contextmanager
def visiting(address, host, pause=0.01, again=False):
    """Have visitors of all kinds ask while the block runs: on kept and new connections, with POSTs, and slow ones.

    pause: seconds between an answer and the next question.
    again: as in `ask`.
    """
    visitors = Visitors()

    def visitor(kind, method, path, body, keep):
        connection = http.client.HTTPConnection(address, timeout=60)

        def visit():
            ask(visitors, kind, connection, host, method, path, body, again)
            if not keep:
                connection.close()

        return visit

    kinds = [
        ("kept", "GET", "/", None, True),
        ("kept too", "GET", "/", None, True),
        ("new", "GET", "/", None, False),
        ("post", "POST", "/", PAYLOAD, False),
        ("slow", "GET", "/slow", None, True),
    ]
    with repeated(*(visitor(*kind) for kind in kinds), pause=pause):
        yield visitors
