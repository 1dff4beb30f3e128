"""Programs on a node that end when we do: after Ctrl-C nothing goes on there behind the next deploy's back."""

from collections.abc import Sequence

from kraftwerk.process import Completed
from kraftwerk.remote import program
from kraftwerk.transport import Connection


def words(command: Sequence[str]) -> list[str]:
    """Return the words that run a program on the node until it ends, or we do."""
    return ["python3", "-ISc", program("leash"), *command]


def run(connection: Connection, command: Sequence[str], *, timeout: float | None = None) -> Completed:
    """Run a program on the node to its end; it and what it started is stopped when this process ends in any way.

    Args:
        command: the program and its arguments; it gets no stdin.
        timeout: seconds.

    Raises:
        KraftwerkError: the node can't be reached, or it took too long. Its exit code is for the caller to see.
    """
    return connection.run(words(command), timeout=timeout, check=False)
