"""Virtualenvs on a node: one for each distinct set of requirements, shared by the releases that need it."""

from kraftwerk import argv, leash, requirements
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.requirements import READY, Requirements
from kraftwerk.transport import Connection
from kraftwerk.wheels import cargo as cargos
from kraftwerk.wheels import store
from kraftwerk.wheels.cargo import Cargo

PATIENCE = 1800  # seconds: building a large package from source takes its time
OUTPUT_LINES = 25
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
) -> bool:
    """Make a virtualenv unless it is there; return whether it was made.

    It can't be renamed (its scripts hold its path), so it is made in place, and a mark that is made last tells one that
    is whole from one that was interrupted.

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
    text = _lay(connection, release, wanted.text)
    for words in commands:
        command = ["sh", "-c", READABLE, text, "env", "-C", release, "HOME=/web", *words]
        done = leash.run(connection, argv.as_user("web", command), timeout=PATIENCE)
        if done.returncode:
            raise KraftwerkError(failure(wanted, done.stderr.decode(errors="replace")))
    return True


def _lay(connection: Connection, release: str, text: str) -> str:
    """Lay beside a release's files what uv reads of a lock that it doesn't know; return the path."""
    if not text:
        return "/dev/null"
    path = f"{release}/.kraftwerk-requirements.txt"
    connection.run(argv.as_user("web", ["sh", "-c", 'cat >"$0"', path]), input=text.encode())
    return path


def failure(wanted: Requirements, said: str) -> str:
    """Return the error for requirements that can't be installed, with what uv said about it."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    where = wanted.kind or "the server"
    return "\n".join([f"{where} can't be installed on the node:", *(f"  {line}" for line in lines[-OUTPUT_LINES:])])
