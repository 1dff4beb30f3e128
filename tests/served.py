"""A project that `kraftwerk serve` serves while a test works on it."""

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

from tests.waiting import wait_for


class Served:
    """A `kraftwerk serve` that runs: its log, and what its site answers."""

    def __init__(self, root, log, running):
        self.root, self.file, self.running = root, log, running

    @property
    def log(self):
        return self.file.read_text(errors="replace")

    def wait(self, text, seconds=60):
        """Wait until its log says something."""
        assert wait_for(lambda: text in self.log or self.running.poll() is not None, seconds)
        assert text in self.log, self.log

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def until(self, condition, seconds=60):
        """Wait until a condition holds; return the seconds that took."""
        began = time.monotonic()
        try:
            wait_for(condition, seconds)
        except AssertionError:
            raise AssertionError(self.log[-4000:]) from None
        return time.monotonic() - began

    def end(self, number=signal.SIGINT):
        """End it by a signal; return its exit code."""
        self.running.send_signal(number)
        return self.running.wait(30)


def ask(port, path="/", host="127.0.0.1", **headers):
    """Return status and text of an answer; 0 where there is none."""
    connection = http.client.HTTPConnection(host, port, timeout=40)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


@contextmanager
def serving(root, *words, ready, environ=None):
    """Yield a `kraftwerk serve` in a project's folder, as soon as its log says `ready`; it is ended with the block."""
    log = root.parent / f"{root.name}.log"
    command = [sys.executable, "-m", "kraftwerk", "serve", "--no-open", "--yes", *words]
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    with log.open("wb") as stream:
        running = subprocess.Popen(
            command,
            cwd=root,
            env={**clean, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    served = Served(root, log, running)
    try:
        served.wait(ready, 120)
        yield served
    finally:
        if running.poll() is None:
            served.end()
