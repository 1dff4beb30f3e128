"""Commands of kraftwerk that the reactor runs: each in a process of its own, its output in a file.

Salt runs runners as threads of one process, and what patches salt-ssh (saltssh.py) holds for a whole process.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import argv, process
from kraftwerk.paths import private

LONGEST = 7200  # seconds
WORDS = 12  # lines of output that tell why it failed


@dataclass(frozen=True)
class Job:
    """A command that has ended: its exit code and the lines that tell most of what it said."""

    code: int
    lines: tuple[str, ...]


def reason(job: Job) -> str:
    """Return why it failed, in its own words: its error, else the last lines of what it said."""
    errors = [index for index, line in enumerate(job.lines) if line.startswith("Error: ")]
    told = job.lines[errors[-1] :] if errors else job.lines
    return "\n".join(told).removeprefix("Error: ") or f"exit code {job.code}"


def run(words: Sequence[str], *, log: Path, cwd: Path | None = None, keep: Sequence[int] = ()) -> Job:
    """Run a command of kraftwerk to its end.

    Args:
        words: the verb and its arguments.
        log: the file that its output goes to, new each time; 0600.
        cwd: where; the root folder when nothing is said, so that no project is near.
        keep: file descriptors that it inherits.

    Raises:
        KraftwerkError: it took too long.
    """
    private(log.parent)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        ended = process.run(
            argv.kraftwerk(words),
            stdout=file,
            stderr=file,
            env={"PYTHONUNBUFFERED": "1"},
            cwd=cwd or Path("/"),
            timeout=LONGEST,
            check=False,
            keep=keep,
        )
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return Job(ended.returncode, telling(lines))


def telling(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines that tell most: the last ones, and before them the error that they belong to."""
    lines = [line for line in lines if not set(line) <= set("^~ ")]  # Python's marks below a line of a traceback
    last = max((index for index, line in enumerate(lines) if line.startswith("Error: ")), default=len(lines))
    tail = len(lines) - WORDS
    return (lines[last], *lines[tail + 1 :]) if last < tail else tuple(lines[max(tail, 0) :])
