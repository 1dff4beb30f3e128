"""A change of a virtualenv that stays only if its caller says so: whatever happens before, its host puts all back."""

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from typing import IO, Any

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection
from kraftwerk.virtualenvs import host
from kraftwerk.virtualenvs.layout import Layout
from kraftwerk.virtualenvs.virtualenv import Virtualenv
from kraftwerk.wheels.wheel import sha256

BEAT = 5  # seconds between two signs of life; remote/venvchange.py waits for 30
PATIENCE = 60


@contextmanager
def made(
    connection: Connection, virtualenv: Virtualenv, layout: Layout, leaving: Sequence[str], on_progress: OnProgress
) -> Iterator[None]:
    """Put files in the place of packages; they stay if the body ends well, and else what was there is back.

    Args:
        layout: what comes.
        leaving: packages whose files go.
        on_progress: is told what is done there.

    Raises:
        KraftwerkError: it was refused, or the connection broke; then all is as it was, or will be in half a minute.
    """
    with tempfile.TemporaryFile() as errors:
        words = host.words(virtualenv, ["python", "-ISc", program("venvchange")])
        running = connection.popen(words, stdin=process.PIPE, stdout=process.PIPE, stderr=errors)
        talk = _Talk(virtualenv, running, errors, on_progress)
        try:
            talk.send(layout, leaving)
            talk.expect("installed")
            yield
            talk.say(b"keep\n")
            if talk.expect("ended") != "kept":
                raise KraftwerkError(f"{virtualenv.name}: the change was not kept")
        finally:
            talk.end()


def recover(connection: Connection, virtualenv: Virtualenv) -> bool:
    """Put back what a power cut interrupted; tell whether there was something.

    Raises:
        KraftwerkError: somebody else changes it just now, or the host can't be reached.
    """
    words = host.words(virtualenv, ["python", "-ISc", program("venvchange"), "recover"])
    answer = connection.run(words, timeout=PATIENCE)
    told = json.loads(answer.stdout)
    if "refused" in told:
        raise KraftwerkError(f"{virtualenv.name}: {told['refused']}")
    return bool(told["ended"])


class _Talk:
    """What is said with remote/venvchange.py."""

    def __init__(
        self, virtualenv: Virtualenv, running: process.Popen, errors: IO[bytes], on_progress: OnProgress
    ) -> None:
        assert running.stdin is not None and running.stdout is not None  # noqa: S101 - pipes were asked for
        self.virtualenv, self.running, self.errors, self.on_progress = virtualenv, running, errors, on_progress
        self.stdin, self.stdout = running.stdin, running.stdout
        self.over, self.lock = threading.Event(), threading.Lock()

    def send(self, layout: Layout, leaving: Sequence[str]) -> None:
        """Send what shall be done, and the files."""
        size = layout.archive.stat().st_size
        order: dict[str, Any] = {"remove": list(leaving), "size": size, "sha256": sha256(layout.archive)}
        order |= {"needed": layout.needed, "python": layout.python}
        with suppress(BrokenPipeError), layout.archive.open("rb") as file:  # why it ended so early, it tells itself
            self.stdin.write(json.dumps(order).encode() + b"\n")
            shutil.copyfileobj(file, self.stdin, 1 << 20)
            self.stdin.flush()
        threading.Thread(target=self._live, daemon=True).start()

    def say(self, words: bytes) -> None:
        """Send a line."""
        with suppress(OSError, ValueError), self.lock:
            self.stdin.write(words)
            self.stdin.flush()

    def expect(self, word: str) -> Any:
        """Return what is told next, which must be of this kind.

        Raises:
            KraftwerkError: it is not, or the connection broke.
        """
        while (line := self.stdout.readline()).endswith(b"\n"):
            told = json.loads(line)
            if "progress" in told:
                self.on_progress(told["progress"])
            elif word in told:
                return told[word]
            else:
                raise KraftwerkError(f"{self.virtualenv.name}: {told.get('refused') or self._last()}")
        raise KraftwerkError(f"{self.virtualenv.name}: {self._last()}")

    def end(self) -> None:
        """Close our end, and wait until the host has finished: what isn't kept by now goes back."""
        self.over.set()
        with suppress(OSError), self.lock:
            self.stdin.close()
        try:
            with suppress(TimeoutExpired):  # it goes on there without us
                self.running.wait(PATIENCE)
        finally:
            self.running.terminate()
            self.running.wait()
            self.stdout.close()

    def _live(self) -> None:
        while not self.over.wait(BEAT):
            self.say(b"alive\n")

    def _last(self) -> str:
        """Return the last words of what ran there."""
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else "the connection broke; within half a minute all there is as it was"
