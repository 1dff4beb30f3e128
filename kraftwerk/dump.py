"""Dump all data of an instance, from each of its services, into one archive."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from kraftwerk import archive, lock, registry, saltssh, workspace
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest, ServiceDump, service_dump
from kraftwerk.paths import private, state_home
from kraftwerk.target import Target
from kraftwerk.transport import Connection

STAMP = "%Y%m%dT%H%M"
LAST = "files"  # dumped and loaded after the databases, so that no row names a missing file

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
        path = place(output, f"{instance.name}-{target.node.name}", created)
        services = ordered(instance.services)
        with workspace.prepared(target.connection, instance, services) as folder:
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
            archive.write(
                path, manifest, lambda service, member: workspace.receive(target.connection, folder, service, member)
            )
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


def _dump(
    target: Target, instance: Instance, service: str, folder: PurePosixPath, on_service: OnService | None
) -> ServiceDump:
    result = saltssh.call(target.node, f"kw_{service}.dump", instance.name, str(folder / service))
    dump = service_dump(service, result)
    if on_service is not None:
        on_service(dump)
    return dump


def _release(connection: Connection, instance: Instance) -> int | None:
    link = connection.run(["readlink", str(instance.root / "current")], check=False).stdout.decode().strip()
    number = PurePosixPath(link).name
    return int(number) if number.isdecimal() else None


def place(output: Path | None, stem: str, created: datetime) -> Path:
    """Return the archive's path: one that doesn't exist, in a folder that can be written to.

    Args:
        output: a file, a folder, or None for the current folder.
        stem: what its name begins with in a folder, before the time to the minute, or to the second when that exists.

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
