"""The streams of logs that come from nodes, put together to one while they come."""

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO

import click

from kraftwerk import logs, process, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.logs import Query, Record
from kraftwerk.target import Target
from kraftwerk.transport.unreachable import UNREACHABLE, unreachable

ROOM = 10_000  # records that wait here, before the nodes have to
TICK = 0.2  # seconds between two looks whether anybody reads on


class Stream:
    """The answer of a node to a query, as it comes.

    Attributes:
        error: why it ended before it was complete.
    """

    def __init__(self, there: Target, query: Query) -> None:
        self.node = there.node
        self.error: KraftwerkError | None = None
        # It ends on the node when nobody holds its stdin open any more.
        stdin = process.PIPE if query.follow else process.DEVNULL
        words = logs.words(there.instance, query)
        self._running = there.connection.popen(words, stdin=stdin, stdout=process.PIPE, stderr=process.PIPE)

    def history(self) -> Iterator[Record]:
        """Yield what was logged already."""
        for line in self._output:
            record = logs.parse(self.node.name, line)
            if record is None:
                return
            yield record
        self.error = self._reason()

    def coming(self) -> Iterator[Record]:
        """Yield what comes, until the stream ends."""
        for line in self._output:
            if (record := logs.parse(self.node.name, line)) is not None:
                yield record
        self.error = self._reason()

    def stop(self) -> None:
        """End it."""
        self._running.terminate()
        self._running.wait()

    @property
    def _output(self) -> IO[bytes]:
        assert self._running.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._running.stdout

    def _reason(self) -> KraftwerkError:
        assert self._running.stderr is not None  # noqa: S101 - a pipe was asked for
        said = self._running.stderr.read().decode(errors="replace").strip()
        if self._running.wait() == UNREACHABLE:
            return unreachable(self.node, said)
        return KraftwerkError(f"{self.node.name}: its log ended{': ' + said.splitlines()[-1] if said else ''}")


def opened(targets: Sequence[Target], query: Query) -> list[Stream]:
    """Ask nodes; one that can't be reached holds up no other, and is told.

    Raises:
        KraftwerkError: none can be reached.
    """
    streams: list[Stream] = []
    for number, there in enumerate(targets, 1):
        try:
            streams.append(Stream(there, query))
        except KraftwerkError as error:
            if error.code == 2 or (number == len(targets) and not streams):
                raise
            screen.warn(str(error))
    return streams


def run(streams: Sequence[Stream], query: Query, show: Callable[[Record], None]) -> int:
    """Show what was logged, and with `follow` what comes; return 1 if the answer of a node isn't complete.

    Raises:
        KraftwerkError: that of none is.
    """
    count = 0
    for record in logs.merged([stream.history() for stream in streams], query.lines):
        show(record)
        count += 1
    broken = [stream.error for stream in streams if stream.error]
    if len(broken) == len(streams):
        raise broken[0]
    for error in broken:
        screen.warn(str(error))
    if query.follow:
        for record in coming([stream for stream in streams if not stream.error], query.hold):
            show(record)
    elif not count and query.lines != 0:
        click.echo("nothing like that was logged" if query.grep or query.since else "nothing was logged yet", err=True)
    return int(any(stream.error for stream in streams))


def coming(streams: Sequence[Stream], hold: float) -> Iterator[Record]:
    """Yield what comes from nodes, in order of time as far as holding it back allows.

    It ends when all streams have, which is told of each, or when nobody reads our output any more.
    """
    arrivals: queue.Queue[Record | Stream] = queue.Queue(ROOM)
    for stream in streams:
        threading.Thread(target=_pump, args=(stream, arrivals), daemon=True).start()
    pending: list[tuple[float, int, float, Record]] = []  # by time; with the moment when it arrived
    open_, number, hold = len(streams), 0, hold if len(streams) > 1 else 0.0
    while open_ or pending:
        with suppress(queue.Empty):
            arrived = arrivals.get(timeout=hold / 2 if pending else TICK)
            if isinstance(arrived, Record):
                number += 1
                heapq.heappush(pending, (arrived.stamp, number, time.monotonic(), arrived))
            else:
                open_ -= 1
                screen.warn(str(arrived.error))
        ripe = time.monotonic() - hold
        due = max((stamp for stamp, _, came, _ in pending if came <= ripe or not open_), default=None)
        while pending and due is not None and pending[0][0] <= due:
            yield heapq.heappop(pending)[3]
        if not pending and not screen.is_read():
            return


def _pump(stream: Stream, arrivals: "queue.Queue[Record | Stream]") -> None:
    for record in stream.coming():
        arrivals.put(record)
    arrivals.put(stream)
