"""The most memory that a command and all that it starts take together at a time, while it runs."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.meanwhile import repeated

PERIOD = 0.05  # seconds between two looks


class Peak:
    """The most that this process's descendants took; memory that several share is counted once (PSS).

    Attributes:
        megabytes: the most so far.
        seen: set once there was something.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self.seen = threading.Event()

    def look(self) -> None:
        """Take down what they have just now."""
        self.megabytes = max(self.megabytes, sum(map(_share, _descendants(os.getpid()))))
        if self.megabytes:
            self.seen.set()


@contextmanager
def watched() -> Iterator[Peak]:
    """Yield the peak of what runs meanwhile."""
    peak = Peak()
    with repeated(peak.look, pause=PERIOD):
        yield peak


def _descendants(ancestor: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    found = _children(ancestor)
    for process in found:  # grows while it is read
        found += _children(process)
    return found


def _children(process: int) -> list[int]:
    """Return the processes that any thread of a process started; none if it is gone."""
    with suppress(OSError):
        return [
            int(child)
            for file in Path("/proc", str(process), "task").glob("*/children")
            for child in file.read_text().split()
        ]
    return []


def _share(process: int) -> float:
    """Return a process's part of the memory, in MB; none if it is gone."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc", str(process), "smaps_rollup").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024
    return 0.0
