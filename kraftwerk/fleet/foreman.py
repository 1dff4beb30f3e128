"""Who has work done at several nodes: so many at once, one that fails holds up no other, Ctrl-C ends all of them."""

import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar, cast

from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet.board import Board
from kraftwerk.fleet.worker import PIECE, Kind, Worker, start
from kraftwerk.screen import OnProgress

R = TypeVar("R")
Task = Callable[[OnProgress], R]


@dataclass(frozen=True)
class Done(Generic[R]):
    """What became of the work at a node: its value, or why there is none."""

    name: str
    value: R | None
    error: KraftwerkError | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types: the node with the fields of the value, or with why there is none."""
        if self.value is not None:
            return {"node": self.name, **asdict(cast(Any, self.value))}
        return {"node": self.name, "error": self.error.cause if self.error else ""}


def work(tasks: Mapping[str, Task[R]], board: Board, at_once: int) -> list[Done[R]]:
    """Have work done at nodes, each in a process of its own, and return what became of it, in the order of tasks.

    Args:
        tasks: by the node's name; each is called with a function that takes what it is doing just now. What it returns
            is pickled.
        board: shows it.
        at_once: how many at the same time at most.

    Raises:
        KeyboardInterrupt: that was Ctrl-C; all of them have ended by then.
    """
    return _Foreman(tasks, board, at_once).work()


class _Foreman(Generic[R]):
    def __init__(self, tasks: Mapping[str, Task[R]], board: Board, at_once: int) -> None:
        self.tasks, self.board, self.at_once = tasks, board, max(at_once, 1)
        self.waiting = deque(tasks)
        self.running: dict[str, tuple[Worker, float]] = {}
        self.done: dict[str, Done[R]] = {}
        self.interruptions = 0
        self.pipes = selectors.DefaultSelector()

    def work(self) -> list[Done[R]]:
        with self._interruptible(), self.board, self.pipes:
            while self.running or (self.waiting and not self.interruptions):
                while self.waiting and len(self.running) < self.at_once and not self.interruptions:
                    self._start(self.waiting.popleft())
                for key, _ in self.pipes.select(self.board.tick):
                    self._read(*key.data)
                self.board.refresh()
        if self.interruptions:
            raise KeyboardInterrupt
        return [self.done[name] for name in self.tasks]

    def _start(self, name: str) -> None:
        self.board.begin(name)
        worker = start(name, self.tasks[name])
        for pipe in worker.pipes:
            self.pipes.register(pipe, selectors.EVENT_READ, (worker, pipe))
        self.running[name] = worker, time.monotonic()
        if self.interruptions:  # meanwhile
            worker.signal(signal.SIGINT)

    def _read(self, worker: Worker, pipe: int) -> None:
        """Take what a pipe has; the end of the messages is the end of the worker."""
        if pipe not in self.pipes.get_map():  # its worker has ended in this very round
            return
        piece = os.read(pipe, PIECE)
        if pipe == worker.messages:
            for kind, value in worker.take(piece):
                if kind is Kind.PROGRESS:
                    self.board.progress(worker.name, value)
            if not piece:
                self._end(worker)
        elif piece:
            self.board.output(worker.name, piece, is_error=pipe == worker.stderr)
        else:
            self.pipes.unregister(pipe)

    def _end(self, worker: Worker) -> None:
        """Take what is left in its pipes: a program that it left behind may hold them open."""
        for pipe in (worker.stdout, worker.stderr):
            for piece in _rest(pipe):
                self.board.output(worker.name, piece, is_error=pipe == worker.stderr)
        kind, value = worker.result()
        for pipe in worker.pipes:
            if pipe in self.pipes.get_map():
                self.pipes.unregister(pipe)
            os.close(pipe)
        _, began = self.running.pop(worker.name)
        failed = kind is Kind.ERROR
        done: Done[Any] = Done(
            worker.name, None if failed else value, value if failed else None, time.monotonic() - began
        )
        self.done[worker.name] = done
        self.board.end(done.name, done.value, done.error)

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Have Ctrl-C interrupt the workers and let them clean up; a second one kills them."""

        def interrupt(number: int, frame: object) -> None:
            self.interruptions += 1
            for worker, _ in list(self.running.values()):
                worker.signal(signal.SIGINT if self.interruptions == 1 else signal.SIGKILL)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            for worker, _ in self.running.values():  # an exception of ours
                worker.signal(signal.SIGINT)


def _rest(pipe: int) -> Iterator[bytes]:
    """Yield what can be read of a pipe right now."""
    while True:
        try:
            piece = os.read(pipe, PIECE)
        except BlockingIOError:
            return
        if not piece:
            return
        yield piece
