"""Dump all data of an instance, from each of its services, into one archive."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from kraftwerk import archive, lock, process, registry, saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest, Member, ServiceDump, service_dump
from kraftwerk.paths import private, state_home
from kraftwerk.target import Target
from kraftwerk.transport import Connection

STAMP = "%Y%m%dT%H%M"
LAST = "files"  # dumped and loaded after the databases, so that no row names a missing file

# Folders only: they are the halves of killed dumps and loads. Whole archives may be kept beside them.
PREPARE = """\
umask 077
find "$1" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} + 2>/dev/null || true
shift
mkdir -p "$@"
"""

OnService = Callable[[ServiceDump], None]


def create(target: Target, output: Path | None = None, *, on_service: OnService | None = None) -> tuple[Path, Manifest]:
    """Dump an instance into an archive on the admin, and return its path and manifest.

    Args:
        target: the instance and its node.
        output: the archive, or a folder for it; by default the current folder. It appears when it is complete.
        on_service: is called with what came out of each service, as soon as the node has dumped it.

    Raises:
        KraftwerkError: the instance isn't deployed there or somebody works on it, a service failed, the connection
            broke, or the archive can't be written. The node's copy is removed in any case.
    """
    created = datetime.now(UTC)
    with lock.held(target.connection, target.instance.name):
        instance = deployed(target)
        path = _path(output, f"{instance.name}-{target.node.name}", created)
        services = ordered(instance.services)
        with workspace(target.connection, instance, services) as folder:
            dumps = tuple(_dump(target, instance, service, folder, on_service) for service in services)
            manifest = Manifest(
                project=instance.project,
                environment=instance.environment,
                instance=instance.name,
                node=target.node.name,
                release=_release(target.connection, instance),
                created=created.isoformat(timespec="seconds"),
                order=tuple(services),
                services=dumps,
            )
            archive.write(path, manifest, lambda service, member: _open(target.connection, folder, service, member))
    return path, manifest


def safety(target: Target) -> Path:
    """Dump an instance into the admin's own folder of safety dumps, before something replaces its data.

    Raises:
        KraftwerkError: as `create`.
    """
    path, _ = create(target, private(state_home() / "dumps"))
    return path


def deployed(target: Target) -> Instance:
    """Return the instance as it really is on its node, which kraftwerk.yaml may be ahead of.

    Raises:
        KraftwerkError: it isn't deployed there.
    """
    name, node = target.instance.name, target.node.name
    found = registry.sync(target.connection).get(name)
    if found is None or not found.present:
        production = target.instance.environment == "production"
        option = "" if production else f" --env {target.instance.environment}"
        raise KraftwerkError(f"{name} is not deployed on {node}", next_command=f"kraftwerk deploy {node}{option}")
    return found


def ordered(services: Sequence[str]) -> list[str]:
    """Return services in the order of dumping and loading: as declared, but files last."""
    return sorted(services, key=lambda service: service == LAST)


@contextmanager
def workspace(connection: Connection, instance: Instance, services: Sequence[str]) -> Iterator[PurePosixPath]:
    """Make `/web/<instance>/dump/<stamp>/<service>/` on the node, and remove it in any case.

    What killed dumps and loads left there goes first; the instance's lock must be held.

    Raises:
        KraftwerkError: the node can't be reached or its disk is full.
    """
    parent = instance.root / "dump"
    folder = parent / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    connection.script(PREPARE, str(parent), str(folder), *(str(folder / service) for service in services))
    try:
        yield folder
    finally:
        with suppress(KraftwerkError):  # a node that can't be reached now is cleaned by the next dump
            connection.run(["rm", "-rf", str(folder)], check=False)


def _dump(
    target: Target, instance: Instance, service: str, folder: PurePosixPath, on_service: OnService | None
) -> ServiceDump:
    result = saltssh.call(target.node, f"kw_{service}.dump", instance.name, str(folder / service))
    dump = service_dump(service, result)
    if on_service is not None:
        on_service(dump)
    return dump


@contextmanager
def _open(connection: Connection, folder: PurePosixPath, service: str, member: Member) -> Iterator[IO[bytes]]:
    """Open a member on the node for reading, as a stream over the connection."""
    words = ["cat", "--", str(folder / service / member.name)]
    running = connection.popen(words, stdin=process.DEVNULL, stdout=process.PIPE)
    assert running.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        yield running.stdout
    except BaseException:
        running.terminate()
        raise
    finally:
        running.stdout.close()
        running.wait()


def _release(connection: Connection, instance: Instance) -> int | None:
    link = connection.run(["readlink", str(instance.root / "current")], check=False).stdout.decode().strip()
    number = PurePosixPath(link).name
    return int(number) if number.isdecimal() else None


def _path(output: Path | None, stem: str, created: datetime) -> Path:
    """Return the archive's path: one that doesn't exist, in a folder that can be written to.

    Raises:
        KraftwerkError: it exists or can't be written (code 2), told before any work is done.
    """
    folder = Path() if output is None else output if output.is_dir() else output.parent
    if not os.access(folder, os.W_OK):
        raise KraftwerkError(f"{folder}: no such folder, or not writable", next_command="--output FILE", code=2)
    if output is None or output.is_dir():
        path = folder / f"{stem}-{created.strftime(STAMP)}.kw"
        return folder / f"{stem}-{created.strftime(STAMP + '%S')}.kw" if path.exists() else path
    if output.exists():
        raise KraftwerkError(f"{output} exists already", next_command="name another file with --output", code=2)
    return output
