"""Hold an instance: its requests wait while its data is worked on, and nothing else of it runs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from typing import Any

from kraftwerk import gate, gaterule, lock, maintenance, process, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import program, script
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection

WAIT = 20  # seconds that a request waits before it is answered 503
RUNNING = 10  # seconds that one-off commands and cron jobs are given to end
BEAT = 5  # seconds between signs of life; the node lets go after 30 without one

_holds: dict[tuple[str, str], "Hold"] = {}


@dataclass
class Hold:
    """An instance that is held.

    Attributes:
        running: one-off commands and cron jobs that didn't end, and may still write.
        seconds: once it has ended: from the first moment that a request could have to wait, to the last.
        waited, refused: then, how many requests waited, and how many of them got a 503 for it took too long.
    """

    node: str
    instance: str
    program: process.Popen
    running: tuple[str, ...] = ()
    seconds: float = 0.0
    waited: int = 0
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def forward(self, host: str, port: int, then: str, *arguments: str) -> None:
        """End the hold for good: the site has moved. Nothing starts here again; what waits is answered from there.

        Args:
            host, port: where the site is now, as this node reaches it.
            then: a shell script that the node runs to its end, whatever becomes of us; $1 is the instance's name. It
                prints a word when there is no way back: where it fails before that, all runs again here.
            arguments: more for the script.

        Raises:
            KraftwerkError: the script failed, before or after that; or the connection broke, and nobody knows.
        """
        self.tell(json.dumps({"forward": [host, port], "script": then, "arguments": arguments}))
        try:
            fact = self.hear("forwarded")
        except KraftwerkError as error:
            raise KraftwerkError(f"the connection to {self.node} broke while {self.instance} left it") from error
        if not fact["forwarded"]:
            raise KraftwerkError(f"{self.instance} can't leave {self.node}: {fact['said'].strip()}")
        if not fact["whole"]:
            raise KraftwerkError(f"{self.node}: {self.instance} has moved, but: {fact['said'].strip()}")

    def settle(self) -> None:
        """Wait until the node has done what it was told last, or let go: from then on it changes nothing any more."""
        if not self.ended.is_set():
            with suppress(KraftwerkError):  # a broken connection has its own error
                self.release()

    def release(self) -> None:
        """Have all run again, and answer what waited; nothing when it has ended before."""
        if self.ended.is_set():
            return
        self.tell("release")
        fact = self.hear("seconds")  # it may have been told to forward before, and does that
        if fact.get("word") and fact["status"][:1] not in ("2", "3"):
            what = {"answered": f"answers {fact['status']}", "exited": "exits"}.get(fact["word"], "does not answer")
            screen.warn(f"{self.instance} on {self.node} {what} after its restart → kraftwerk logs --process web")

    def tell(self, line: str) -> None:
        """Say something to the node's program."""
        assert self.program.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(OSError, ValueError):  # it has ended, or the hold has: what it said last is what counts
            self.program.stdin.write(f"{line}\n".encode())
            self.program.stdin.flush()

    def hear(self, key: str, on_progress: OnProgress = lambda text: None) -> dict[str, Any]:
        """Read what the node's program says, up to the fact that has this key.

        Raises:
            KraftwerkError: it failed, or the connection broke.
        """
        assert self.program.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self.program.stdout:
            fact: dict[str, Any] = json.loads(line)
            if "doing" in fact:
                on_progress(f"hold: {fact['doing']}")
            if "failed" in fact:
                raise KraftwerkError(f"{self.instance} on {self.node} can't be held: {fact['failed']}")
            if key in fact:
                self._note(fact)
                return fact
        raise KraftwerkError(f"the connection to {self.node} broke; what was held of {self.instance} is started again")

    def _note(self, fact: dict[str, Any]) -> None:
        self.running = tuple(fact.get("running", self.running))
        if "seconds" in fact:
            self.seconds, self.waited, self.refused = fact["seconds"], fact["waited"], fact["refused"]
            self.ended.set()


@contextmanager
def held(
    connection: Connection,
    instance: Instance,
    *,
    wait: int = WAIT,
    strict: bool = False,
    on_progress: OnProgress = lambda text: None,
) -> Iterator[Hold]:
    """Hold an instance: requests wait, web finishes what it does and stops, workers stop, cron and one-offs wait.

    At the end, and when this process ends in any way, all starts again; requests that waited are answered then. So it
    is a restart, too. What must run meanwhile is called with `exec -r RELEASE`. Call it with the instance's lock held.
    Who holds it already in this process just goes on.

    Args:
        instance: as it is on the node.
        wait: seconds that a request waits before it is answered 503.
        strict: refuse when one-off commands or cron jobs don't end within ten seconds; else they are in `running`.

    Raises:
        KraftwerkError: the node can't be reached, somebody else holds it, or (strict) something of it runs on.
    """
    key = (connection.node.name, instance.name)
    if key in _holds:
        yield _holds[key]
        return
    lock.check()
    hold = Hold(*key, _start(connection, instance, wait))
    threading.Thread(target=_beat, args=(hold,), daemon=True).start()
    try:
        hold.hear("held", on_progress)
        if strict and hold.running:
            raise KraftwerkError(
                f"{instance.name} on {connection.node.name} is still at work: {'; '.join(hold.running)}",
                next_command="wait for it, or end it, and try again",
            )
        _holds[key] = hold
        yield hold
        on_progress("web")
        hold.release()
    finally:
        _holds.pop(key, None)
        _end(hold)


def _start(connection: Connection, instance: Instance, wait: int) -> process.Popen:
    rule = gaterule.of(instance)
    options = {
        "instance": instance.name,
        "processes": list(instance.units),
        "patience": wait,
        "running": RUNNING,
        "gate": script("gate"),
        "page": maintenance.page(),
        "message": [maintenance.MESSAGE, escape(maintenance.USUAL)],
        "asked": gate.words(gaterule.url(instance, rule), rule),
    }
    words = ["python3", "-ISc", program("hold"), json.dumps(options)]
    return connection.popen(words, stdin=process.PIPE, stdout=process.PIPE, stderr=process.DEVNULL)


def _beat(hold: Hold) -> None:
    while not hold.ended.wait(BEAT):
        hold.tell("")


def _end(hold: Hold) -> None:
    """Let go in any case; what the node's program still has to pass on, it does without us."""
    hold.settle()
    hold.ended.set()
    for stream in (hold.program.stdin, hold.program.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    hold.program.terminate()
    hold.program.wait()
