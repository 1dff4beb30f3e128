"""What wheels have to fit on a node: its Python is asked."""

import json
from collections.abc import Sequence

from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.transport import Connection
from kraftwerk.wheels.target import Target

PATIENCE = 30


def ask(connection: Connection, python: Sequence[str], name: str) -> Target:
    """Return what wheels for a Python on a node have to fit.

    Args:
        connection: to the node.
        python: the words that start it, such as `python3` or a virtualenv's bin/python.
        name: of the target, for messages.

    Raises:
        KraftwerkError: the node can't be reached, or there is no such Python.
    """
    answer = connection.run([*python, "-ISc", program("wheeltarget")], timeout=PATIENCE, check=False)
    try:
        return Target.from_dict(json.loads(answer.stdout), name)
    except (KeyError, ValueError) as error:
        said = (answer.stderr or answer.stdout).decode(errors="replace").strip().splitlines()[-1:] or ["no answer"]
        raise KraftwerkError(f"{name}: {python[-1]} doesn't tell its version: {said[0]}") from error
