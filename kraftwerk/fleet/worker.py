"""One piece of work at one node, in a copy of this process: within a process, Salt is at one node at a time.

What it prints comes through two pipes, and what it is doing, and its result, as messages through a third.
"""

import os
import pickle
import signal
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kraftwerk import process, progress
from kraftwerk.errors import INTERRUPTED, KraftwerkError
from kraftwerk.screen import OnProgress, settings

HEAD = struct.Struct(">I")  # the length of a message
PIECE = 1 << 16  # bytes that are read at a time


class Kind(Enum):
    """What a message of a worker is."""

    PROGRESS = "progress"
    VALUE = "value"
    ERROR = "error"


Message = tuple[Kind, Any]


@dataclass
class Worker:
    """A worker that was started: its process, the ends of its pipes that we read, and what it sent so far."""

    name: str
    pid: int
    stdout: int
    stderr: int
    messages: int
    last: Message | None = None
    _unread: bytearray = field(default_factory=bytearray)

    @property
    def pipes(self) -> tuple[int, int, int]:
        """Return the ends of its pipes."""
        return self.stdout, self.stderr, self.messages

    def take(self, piece: bytes) -> Iterator[Message]:
        """Yield the messages that are whole with a piece more of what was sent; a result is kept as `last`."""
        self._unread += piece
        while len(self._unread) >= HEAD.size:
            end = HEAD.size + HEAD.unpack_from(self._unread)[0]
            if len(self._unread) < end:
                return
            message: Message = pickle.loads(self._unread[HEAD.size : end])  # noqa: S301 - from a copy of ourselves
            del self._unread[:end]
            if message[0] is not Kind.PROGRESS:
                self.last = message
            yield message

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and all that it started, as a terminal does."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def result(self) -> Message:
        """Wait for its end, and return its value or its error."""
        _, status = os.waitpid(self.pid, 0)
        if self.last is not None:
            return self.last
        code = os.waitstatus_to_exitcode(status)
        if code == INTERRUPTED:
            return Kind.ERROR, KraftwerkError(f"{self.name}: interrupted", code=code)
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return Kind.ERROR, KraftwerkError(f"{self.name}: what worked on it {how}, without a result")


def start(name: str, work: Callable[[OnProgress], Any]) -> Worker:
    """Start a piece of work.

    Args:
        name: the node's.
        work: is called in the new process with a function that takes what it is doing just now; what it returns or
            raises comes back as its result.
    """
    (out, stdout), (err, stderr), (sent, messages) = pipes = [os.pipe() for _ in range(3)]
    try:
        pid = process.fork(lambda: _work(work, messages), stdout, stderr)
    finally:
        for _, writing in pipes:
            os.close(writing)
    for reading, _ in pipes:
        os.set_blocking(reading, False)
    return Worker(name, pid, out, err, sent)


def _work(work: Callable[[OnProgress], Any], messages: int) -> None:
    """Do it, and send its result."""

    def tell(text: str) -> None:
        _send(messages, (Kind.PROGRESS, text))

    try:
        with progress.told_to(tell):
            _send(messages, (Kind.VALUE, work(tell)))
    except KraftwerkError as error:
        _debug()
        _send(messages, (Kind.ERROR, error))
    except Exception as error:
        _debug()
        told = KraftwerkError(f"{type(error).__name__}: {error}", next_command="the same command with --debug")
        _send(messages, (Kind.ERROR, told))


def _send(pipe: int, message: Message) -> None:
    packed = memoryview(pickle.dumps(message))
    for part in (memoryview(HEAD.pack(len(packed))), packed):
        while part:
            part = part[os.write(pipe, part) :]


def _debug() -> None:
    if settings.debug:
        import traceback

        traceback.print_exc()
