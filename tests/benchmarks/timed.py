"""kraftwerk as its users start it, that says in the end how long each phase took: `PHASE took 1.234 s`."""

import functools
import re
import time
from collections.abc import Callable

from kraftwerk import deploy
from kraftwerk.__main__ import main

SAID = "{} took {:.3f} s"


def timed(phase: Callable[..., str | None]) -> Callable[..., str | None]:
    """Return a phase that prints its seconds."""

    @functools.wraps(phase)
    def measured(*arguments: object) -> str | None:
        began = time.perf_counter()
        note = phase(*arguments)
        print(SAID.format(phase.__name__, time.perf_counter() - began), flush=True)
        return note

    return measured


def seconds(output: str, phase: str) -> float:
    """Return the seconds of a phase in what was printed."""
    found = re.search(rf"^{phase} took ([\d.]+) s$", output, re.MULTILINE)
    return float(found[1]) if found else float("nan")


if __name__ == "__main__":
    deploy.DEPLOY, deploy.ROLLBACK = tuple(map(timed, deploy.DEPLOY)), tuple(map(timed, deploy.ROLLBACK))
    main()
