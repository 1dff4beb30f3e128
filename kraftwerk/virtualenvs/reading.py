"""What a virtualenv is and has: its own Python is asked."""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.transport import Connection
from kraftwerk.virtualenvs import host
from kraftwerk.virtualenvs.virtualenv import Virtualenv
from kraftwerk.wheels.target import Target

PATIENCE = 60
NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
OURS_TO_CHANGE = ("wheel", "egg", "system")  # others can't be taken away; what is the machine's is covered by ours


@dataclass(frozen=True)
class Package:
    """An installed package.

    Attributes:
        kind: wheel or egg, which can be taken away; system, which is the machine's; link, to a folder; or other.
        requires, extras: of its metadata.
    """

    version: str
    kind: str = "wheel"
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """A virtualenv as it is.

    Attributes:
        path: its folder, without links on the way.
        schemes: where in it the parts of wheels go.
        project: `kraftwerk deploy` made it.
        interrupted: a change was, by a power cut, or is just going on.
    """

    path: str
    target: Target
    packages: Mapping[str, Package]
    schemes: Mapping[str, str]
    project: bool = False
    interrupted: bool = False


def read(connection: Connection, virtualenv: Virtualenv) -> State:
    """Return what a virtualenv is and has; nothing in it is run.

    Raises:
        KraftwerkError: there is none, it belongs to somebody else, or its Python is too old.
    """
    words = host.words(virtualenv, ["python", "-ISc", program("venvread")])
    answer = connection.run(words, timeout=PATIENCE, check=False)
    said = (answer.stderr.decode(errors="replace").strip().splitlines() or ["no answer"])[-1]
    try:
        told = json.loads(answer.stdout)
    except ValueError as error:
        raise KraftwerkError(f"{virtualenv.name}: {said}") from error
    try:
        return _state(virtualenv, told)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KraftwerkError(f"{virtualenv.name}: its Python's answer can't be understood: {error!r}") from error


def _state(virtualenv: Virtualenv, told: dict[str, Any]) -> State:
    """Return what was told, once it is found to make sense: whoever owns the virtualenv may tell what they like."""
    if told["implementation"] != "cpython":
        raise KraftwerkError(f"{virtualenv.name}: its Python is {told['implementation']}, and wheels are for CPython")
    if told["stale"]:
        cause = f"{virtualenv.name} was made for another Python than {told['python']}, which it runs now"
        raise KraftwerkError(cause, next_command="python3 -m venv --clear there, and deploy-wheels again")
    for place in (told["path"].removeprefix("/"), *told["schemes"].values()):  # files are laid out here by these
        if place.startswith(("/", "../")) or place in ("", "..") or place != posixpath.normpath(place):
            raise ValueError(place)
    packages = {
        name: Package(each["version"], each["kind"], tuple(each["requires"]), tuple(each["extras"]))
        for name, each in told["packages"].items()
        if NAME.fullmatch(name)  # becomes the name of a file here
    }
    target = Target.from_dict(told)
    return State(told["path"], target, packages, told["schemes"], told["project"], told["interrupted"])
