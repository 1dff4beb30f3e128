"""Programs on a node that end when we do: after Ctrl-C nothing goes on there behind the next deploy's back."""

import os
from collections.abc import Sequence
from typing import Literal

from kraftwerk import lock
from kraftwerk.process import Completed
from kraftwerk.remote import program
from kraftwerk.transport import Connection


def words(
    command: Sequence[str], watched: Literal["output", "stdin"] = "output", python: Sequence[str] = ("python3",)
) -> list[str]:
    """Return the words that run a program on the node until it ends, or we do.

    Args:
        command: the program and its arguments.
        watched: what tells that we are gone: nobody reads its output any more, or stdin (then not the program's) ends.
        python: the words that start a Python there.
    """
    known = lock.tickets()  # by which the node finds and ends what works behind a lock that is lost
    return [
        *(["env", f"{lock.VARIABLE}={known}"] if known else []),
        *python,
        "-ISc",
        program("leash"),
        watched,
        *command,
    ]


def run(
    connection: Connection,
    command: Sequence[str],
    *,
    timeout: float | None = None,
    python: Sequence[str] = ("python3",),
) -> Completed:
    """Run a program on the node to its end; it and what it started is stopped when this process ends in any way.

    Args:
        command: the program and its arguments; it gets no stdin.
        timeout: seconds.
        python: as in `words`.

    Raises:
        KraftwerkError: the node can't be reached, or it took too long. Its exit code is for the caller to see.
    """
    reading, writing = os.pipe()
    try:
        with os.fdopen(reading, "rb") as stdin:
            return connection.run(words(command, "stdin", python), stdin=stdin, timeout=timeout, check=False)
    finally:
        os.close(writing)
