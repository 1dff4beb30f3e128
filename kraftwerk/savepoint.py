"""Savepoints: the dump of its databases that a node keeps of a site before a release migrates them."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from kraftwerk import __version__, argv, leash, nodeprogram, service
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, environment_words
from kraftwerk.project import Project
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target
from kraftwerk.transport import Connection

NAME = re.compile(r"release-(\d+)-before-(\d+)\.kw")
COLLECTING = "collectstatic"  # a release command that changes no data
# A command whose migrations are files that are known; any other may do what any file of the release says.
KNOWN = re.compile(r"(python[\d.]* (-m )?)?([\w./-]*/)?(manage\.py|alembic|flask)( [^\n;&|<>$`()]*)?")
PENDING = "[ ]"  # how a line of Django's `showmigrations --plan` begins


@dataclass(frozen=True)
class Savepoint:
    """What was saved when one release was live and another one was about to migrate.

    Attributes:
        live, before: their numbers.
        size: bytes.
    """

    live: int
    before: int
    size: int = 0

    def path(self, instance: Instance) -> PurePosixPath:
        """Return where it lies on the node."""
        return instance.root / "dump" / f"release-{self.live}-before-{self.before}.kw"

    def back(self, target: Target) -> str:
        """Return the command that brings it back, and no release with it."""
        node, words = target.node.name, environment_words(target.instance.environment)
        return shlex.join(["kraftwerk", "load", f"{node}:{self.path(target.instance)}", "--to", node, *words])


def parse(lines: Iterable[str]) -> tuple[Savepoint, ...]:
    """Return the savepoints that `history.sh` names, each as its file's name and size; the oldest first."""
    found = ((NAME.fullmatch(name), size) for name, _, size in (line.partition(" ") for line in lines))
    made = [Savepoint(int(name[1]), int(name[2]), int(size)) for name, size in found if name]
    return tuple(sorted(made, key=lambda each: each.before))


def leading_to(savepoints: Iterable[Savepoint], number: int) -> Savepoint | None:
    """Return the savepoint whose data a release worked with last, if one was made since.

    It is the last one that was made while that release was live; else it was left without one, and the first that was
    made after it is of the same tables.
    """
    later = [each for each in savepoints if each.before > number]
    own = [each for each in later if each.live == number]
    return own[-1] if own else next(iter(later), None)


def services(project: Project, instance: Instance) -> list[str]:
    """Return the services of an instance whose tables release commands may change."""
    return [name for name in instance.services if service.is_migrated(name, project.root)]


def is_due(connection: Connection, instance: Instance, number: int, live: int, before: Mapping[str, Instance]) -> bool:
    """Tell whether a release may migrate: cheaply, and rather once too often.

    It may where its files of migrations or its release commands are others than the live release's; and where its
    packages are, unless it is Django's and names no migration that is pending. Where commands are no known program of
    migrations, any of its files may be one.

    Args:
        number, live: the releases.
        before: instances as they were on the node, by name.
    """
    commands = [command for command in instance.release if COLLECTING not in command]
    if not commands:
        return False
    known = before.get(instance.name)
    if known is None or known.release != instance.release:
        return True
    unknown = not all(KNOWN.fullmatch(command.strip()) for command in commands)
    words = (instance.name, str(number), str(live), *(["any"] if unknown else []))
    differs = connection.script(script("migrations"), *words).stdout.decode(errors="replace").split()
    if differs == ["packages"]:
        return _is_pending(connection, instance, number)
    return bool(differs)


def _is_pending(connection: Connection, instance: Instance, number: int) -> bool:
    """Tell whether Django names a migration that isn't applied, or can't be asked."""
    release = str(instance.release_folder(number))
    words = [f"{instance.root}/exec", "-r", release, "python", "manage.py", "showmigrations", "--plan", "--no-color"]
    asked = leash.run(connection, argv.as_user(instance.user, words))
    return bool(asked.returncode) or PENDING in asked.stdout.decode(errors="replace")


def make(target: Target, point: Savepoint, names: list[str], on_progress: OnProgress) -> int:
    """Dump services into a savepoint on the node; return its bytes.

    Raises:
        KraftwerkError: there is no room for it, or a service failed.
    """
    instance, path = target.instance, str(point.path(target.instance))
    target.connection.run(["rm", "-f", path])
    try:
        done = nodeprogram.call(
            target.connection,
            "kw_archive.create",
            instance.name,
            path,
            node=target.node.name,
            kraftwerk=__version__,
            only=names,
            on_progress=on_progress,
        )
    except KraftwerkError as error:
        cause = f"{error.cause}\nnothing was migrated: what is there now could not be saved first"
        raise KraftwerkError(cause, next_command=error.next_command or "kraftwerk deploy --no-dump") from error
    return int(done["size"])
