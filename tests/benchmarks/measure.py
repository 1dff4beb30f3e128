"""Jobs that are timed side by side: in turn, in another order each round, each checked each time."""

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.lab import Lab

Times = dict[str, list[float]]


class WrongWork(Exception):
    """A tool didn't do what it was asked to, so that its time says nothing."""


@dataclass(frozen=True)
class Job:
    """A command to be timed.

    Attributes:
        name: of the tool, with what is special about how it is used.
        words: the command.
        cwd: where it runs.
        before: done each time before, untimed.
        done: tells by what it printed, and by what it looks at itself, whether it did its work.
        took: returns the seconds by what it printed, where they aren't those of the whole command.
    """

    name: str
    words: Sequence[str]
    cwd: Path | None = None
    before: Callable[[], object] = lambda: None
    done: Callable[[str], bool] = lambda output: True
    took: Callable[[str], float] | None = None

    def once(self, lab: Lab) -> float:
        """Run it and return the seconds that it took.

        Raises:
            WrongWork: it printed something else than it should have.
            RuntimeError: it failed.
        """
        self.before()
        began = time.perf_counter()
        output = lab.run(self.words, cwd=self.cwd).stdout
        seconds = time.perf_counter() - began
        if not self.done(output):
            raise WrongWork(f"{shlex.join(map(str, self.words))} printed\n{output}")
        return self.took(output) if self.took else seconds


def alternate(lab: Lab, jobs: Sequence[Job], rounds: int, told: Callable[[str], object]) -> Times:
    """Time jobs in turn, and return the seconds of each."""
    times: Times = {job.name: [] for job in jobs}
    for number in range(rounds):
        begin = number % len(jobs)
        for job in (*jobs[begin:], *jobs[:begin]):
            told(f"{job.name} {number + 1}/{rounds}")
            times[job.name].append(job.once(lab))
    return times
