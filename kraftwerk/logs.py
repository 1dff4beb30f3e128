"""What an instance's processes printed on its nodes: one stream, in order of time."""

import heapq
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from kraftwerk import moment
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import program
from kraftwerk.workers import WEB

NGINX, CRON = "nginx", "cron"
LINES = 20  # shown where nobody says since when
HOLD = 0.25  # seconds that what comes is held back, to put it in order
by_time = attrgetter("stamp")


@dataclass(frozen=True)
class Query:
    """What is asked of logs.

    Attributes:
        processes: those that are meant, as `check` takes them; all, if none is named.
        since: seconds since 1970.
        lines: so many records, the last ones; None is all of them.
        grep: a regular expression for the text.
        follow: go on with what comes. Then it is held back for `hold` seconds, to put it in order.
    """

    processes: tuple[str, ...] = ()
    since: float = 0
    lines: int | None = None
    grep: str = ""
    follow: bool = False
    hold: float = HOLD


@dataclass(frozen=True)
class Record:
    """A line of a log; the lines of a traceback are one, with the line before them."""

    stamp: float
    node: str
    process: str
    text: str

    def lines(self, named: int, wide: int) -> list[str]:
        """Return it as it is printed.

        Args:
            named: how wide the column of nodes is; without one, 0.
            wide: how wide the column of processes is.
        """
        node = f"{self.node:<{named}}  " if named else ""
        head = f"{moment.shown(self.stamp)}  {node}{self.process:<{wide}}  "
        return [head + line for line in self.text.splitlines()]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"time": moment.iso(self.stamp), "node": self.node, "process": self.process, "text": self.text}


def check(instances: Iterable[Instance], query: Query) -> None:
    """See that there are such processes on some node, and that the regular expression is one.

    Raises:
        KraftwerkError: no process is called so, or it isn't (code 2).
    """
    known = dict.fromkeys(name for instance in instances for name in _known(instance))
    for name in query.processes:
        if name not in known:
            raise KraftwerkError(f"no process is called {name}; there are {', '.join(known)}", code=2)
    try:
        re.compile(query.grep, re.MULTILINE)
    except re.error as error:
        raise KraftwerkError(f"--grep {query.grep!r} is no regular expression: {error}", code=2) from error


def _known(instance: Instance) -> list[str]:
    """Return the processes that may be named: of workers that are several, each one, too; jobs, and all of them."""
    jobs = [f"{CRON}.{name}" for name in instance.cron]
    units = [unit for name in instance.processes for unit in instance.units_of(name)]
    return [WEB, NGINX, *instance.processes, *units, *jobs, *([CRON] if jobs else [])]


def words(instance: Instance, query: Query) -> list[str]:
    """Return the words that answer a query on a node (remote/logs.py); with `follow`, until its stdin ends."""
    question = {
        "instance": instance.name,
        "processes": list(query.processes),
        "since": query.since,
        "lines": query.lines,
        "grep": query.grep,
        "follow": query.follow,
        "hold": query.hold,
    }
    return ["python3", "-ISc", program("logs"), json.dumps(question)]


def parse(node: str, line: bytes) -> Record | None:
    """Return the record of a line that the node printed; None for the word that ends what was there already."""
    found = json.loads(line)
    return None if found is None else Record(found[0], node, found[1], found[2])


def merged(histories: Sequence[Iterable[Record]], lines: int | None) -> Iterator[Record]:
    """Yield the records of several nodes in order of time; of all of them the last ones, where not all are wanted."""
    every = heapq.merge(*histories, key=by_time)
    return iter(deque(every, maxlen=lines)) if lines is not None and len(histories) > 1 else iter(every)
