"""Which target is meant: the Python of a node, which is asked; or Debian's, where nobody names a node."""

import json
import platform
from collections.abc import Sequence
from dataclasses import replace

from kraftwerk import target as targets
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.project import Project
from kraftwerk.remote import program
from kraftwerk.transport import Connection
from kraftwerk.wheels.target import Target

PATIENCE = 30
DEBIANS = "3"  # whatever Python the node's own is
DEBIAN = Target("3.11.2", platform.machine(), "glibc 2.36")  # 12, the base of local nodes


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


def here() -> Target:
    """Return what wheels for the Python that runs kraftwerk have to fit."""
    libc = " ".join(platform.libc_ver()) if platform.libc_ver()[0] else "musl 1.2"
    return Target(platform.python_version(), platform.machine(), libc, "this computer")


def choose(project: Project | None, environment: str, node_name: str | None) -> tuple[Target, Connection | None]:
    """Return the target that is meant, and the way to its node, if it is one.

    Args:
        project: whose `python:` counts, if there is one.
        node_name: as the user gave it; else the project's node, the first of several.

    Raises:
        KraftwerkError: there is no such node or environment, or the node can't be reached.
    """
    name = next(iter(_names(project, environment, node_name)), "")
    if not name:
        return DEBIAN, None
    connection = Connection(get_node(name))
    return of_node(connection, project.deployment(environment).python if project else DEBIANS), connection


def every(project: Project, environment: str, node_name: str | None) -> list[Target]:
    """Return the targets that are meant: those of all the project's nodes, where none is named.

    Raises:
        KraftwerkError: as `choose`.
    """
    names = _names(project, environment, node_name)
    return [choose(project, environment, name)[0] for name in names] or [DEBIAN]


def of_node(connection: Connection, python: str, full: str = "") -> Target:
    """Return the target of a site on a node.

    Args:
        connection: to the node.
        python: the version that the site runs on: 3 is the node's own; another may have to be fetched yet.
        full: this version with its last part, if it is known.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    own = ask(connection, ["python3"], connection.node.name)
    return own if python == DEBIANS else replace(own, python=full or python)


def _names(project: Project | None, environment: str, node_name: str | None) -> list[str]:
    if node_name or project is None:
        return [node_name] if node_name else []
    if several := targets.names(project, environment):
        return several
    try:
        return [targets.choose(project, environment)]
    except KraftwerkError:  # not deployed yet, and there are none or several nodes
        return []
