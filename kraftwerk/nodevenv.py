"""Virtualenvs on a node: one for each distinct set of requirements, shared by the releases that need it."""

import hashlib
from collections.abc import Sequence

from kraftwerk import argv, leash, requirements
from kraftwerk import lead as leads
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import program, script
from kraftwerk.requirements import READY, Requirements
from kraftwerk.transport import Connection
from kraftwerk.wheels import cargo as cargos
from kraftwerk.wheels import store
from kraftwerk.wheels.cargo import Cargo

PATIENCE = 1800  # seconds: building a large package from source takes its time
OUTPUT_LINES = 25
UVS = ("error:", "×")  # begin the line in which uv says what failed, in newer versions and in older ones
READABLE = 'umask 022; exec "$@" <"$0"'  # whatever the node's own umask: another user runs what is made here


def name(wanted: Requirements, python: str, number: int, cargo: Cargo | None = None) -> str:
    """Return the name of the virtualenv that a release needs.

    Args:
        python: the version of the node's Python.
        cargo: the wheels that it is made of, in place of an index.
        number: the release's; one with packages in its own folder needs a virtualenv of its own.
    """
    own = (str(number),) if wanted.local else ()
    return requirements.digest(wanted, python, extra=(*own, *cargos.digest(cargo)))


def build(
    connection: Connection,
    instance: Instance,
    wanted: Requirements,
    number: int,
    venv: str,
    cargo: Cargo | None = None,
    pins: Sequence[str] = (),
) -> bool:
    """Make a virtualenv unless it is there; return whether it was made.

    It can't be renamed (its scripts hold its path), so it is made in place, and a mark that is made last tells one that
    is whole from one that was interrupted.

    Args:
        pins: versions that packages are held to, as `name==version`.

    Raises:
        KraftwerkError: the requirements can't be installed; what uv says is part of it.
    """
    folder = f"{instance.root}/venvs/{venv}"
    if connection.run(["test", "-e", f"{folder}/{READY}"], check=False).returncode == 0:
        return False
    release = str(instance.release_folder(number))
    if cargo is None:
        commands = requirements.build_argv(wanted, folder=release, venv=folder, python=instance.python)
    else:
        listed = store.note(connection, instance.name, venv, cargo.wheels)
        commands = cargo.build_argv(str(listed), venv=folder, release=release, python=instance.python)
    text = _lay(connection, f"{release}/.kraftwerk-requirements.txt", wanted.text)
    environ = ["env", "-C", release, "HOME=/web"]
    if pins:
        limits = _lay(connection, f"{release}/.kraftwerk-pins.txt", "\n".join(pins))
        environ.append(f"UV_CONSTRAINT={limits}")
    for words in commands:
        command = ["sh", "-c", READABLE, text, *environ, *words]
        done = leash.run(connection, argv.as_user("web", command), timeout=PATIENCE)
        if done.returncode:
            raise KraftwerkError(failure(wanted, done.stderr.decode(errors="replace")))
    return True


def held(connection: Connection, instance: Instance, venv: str, pins: tuple[str, ...]) -> str:
    """Return the name of the virtualenv that holds pinned versions: another one, if one of that name holds others.

    An index that has newer packages than a while ago, and two nodes that asked it at different times, make such.
    """
    folder = f"{instance.root}/venvs/{venv}"
    there = connection.run(["test", "-e", f"{folder}/{READY}"], check=False).returncode == 0
    if not there or leads.pins(connection, folder) == pins:
        return venv
    return f"{venv}-{hashlib.sha256(' '.join(pins).encode()).hexdigest()[:6]}"


def give(connection: Connection, instance: Instance, number: int, venv: str) -> None:
    """Give a release its virtualenv, its environment and a place for static files, and compile its source."""
    words = (str(number), venv, instance.src, program("bytecode"), *instance.static_words)
    connection.script(script("configure"), instance.name, *words)


def _lay(connection: Connection, path: str, text: str) -> str:
    """Lay beside a release's files what uv reads and the project has no file of; return the path."""
    if not text:
        return "/dev/null"
    connection.run(argv.as_user("web", ["sh", "-c", 'cat >"$0"', path]), input=text.encode())
    return path


def failure(wanted: Requirements, said: str) -> str:
    """Return the error for requirements that can't be installed, with what uv said about it: its last lines, and first
    the one that names the package, which a long output of a compiler may have carried far away.
    """
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    where = wanted.kind or "the server"
    named = [line for line in lines[:-OUTPUT_LINES] if line.lstrip().startswith(UVS)][-1:]
    shown = [*named, *lines[-OUTPUT_LINES:]]
    return "\n".join([f"{where} can't be installed on the node:", *(f"  {line}" for line in shown)])
