"""Long programs on a node that end when we do: after Ctrl-C nothing goes on there behind the next deploy's back."""

import os
from collections.abc import Sequence

from kraftwerk.process import Completed
from kraftwerk.remote import script
from kraftwerk.transport import Connection


def run(connection: Connection, words: Sequence[str], *, timeout: float | None = None) -> Completed:
    """Run a program on the node to its end; it and what it started is stopped when this process ends in any way.

    Args:
        words: the program and its arguments; it gets no stdin.
        timeout: seconds.

    Raises:
        KraftwerkError: the node can't be reached, or it took too long. Its exit code is for the caller to see.
    """
    reading, writing = os.pipe()
    try:
        with os.fdopen(reading, "rb") as stdin:
            command = ["sh", "-c", script("leash"), "kraftwerk-leash", *words]
            return connection.run(command, stdin=stdin, timeout=timeout, check=False)
    finally:
        os.close(writing)
