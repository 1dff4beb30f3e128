"""Dump all data of an instance, from each of its services, into one archive: here, or on its node.

The node's `kw_archive` writes it in one pass while the services answer. ssh writes it here (`incoming`).
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from kraftwerk import __version__, hold, incoming, lock, nodeprogram, registry, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Manifest, ServiceDump, service_dump
from kraftwerk.manifest import parse as parse_manifest
from kraftwerk.paths import private, state_home
from kraftwerk.room import check_room
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target, not_deployed

STAMP = "%Y%m%dT%H%M"
LAST = "files"  # dumped and loaded after the databases, so that no row names a missing file

OnService = Callable[[ServiceDump, float], None]


@dataclass(frozen=True)
class Outcome:
    """What a dump made.

    Attributes:
        path: the archive, here or on the node.
        size: its bytes.
        skipped: services that are a cache only.
        seconds: how long it took.
    """

    path: Path | PurePosixPath
    size: int
    manifest: Manifest
    skipped: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Watch:
    """Who is told while a dump is made: of each service with its seconds when it is done, and of what is being done."""

    on_service: OnService = lambda dump, seconds: None
    on_progress: OnProgress = lambda text: None

    def report(self, value: Any) -> None:
        """Hand on what the node reports of a service."""
        seconds = float(value.pop("seconds"))
        self.on_service(service_dump(str(value["service"]), value), seconds)


def create(target: Target, output: Path | None = None, *, freeze: bool = False, watch: Watch | None = None) -> Outcome:
    """Dump an instance into an archive on the admin.

    Args:
        target: the instance and its node.
        output: the archive, or a folder for it; by default the current folder. It appears when it is complete.
        freeze: hold whoever writes, so that all services are of one point in time.

    Raises:
        KraftwerkError: the instance isn't deployed there or somebody works on it, a service failed, the connection
            broke, or the archive can't be written. Nothing goes on running on the node in any case.
    """
    watch, start = watch or Watch(), time.monotonic()
    with lock.held(target.connection, target.instance.name):
        instance = deployed(target)
        path = place(output, f"{instance.name}-{target.node.name}", datetime.now(UTC))
        needed = nodeprogram.call(target.connection, "kw_archive.estimate", instance.name)
        check_room(path.parent, needed, "--on-node, or --output")
        with _held(target, instance, freeze, watch):
            manifest, skipped = _receive(target, instance, path, freeze, watch)
    return Outcome(path, path.stat().st_size, manifest, skipped, time.monotonic() - start)


def _receive(
    target: Target, instance: Instance, path: Path, freeze: bool, watch: Watch
) -> tuple[Manifest, tuple[str, ...]]:
    # One name for each instance: the leftover of a killed dump is overwritten by the next one.
    part = f".{instance.name}-{target.node.name}.kw.part"
    words: dict[str, Any] = {"node": target.node.name, "kraftwerk": __version__, "frozen": freeze, "frames": False}
    doing = _Doing(watch.on_progress)
    with incoming.part(path, part) as file:
        words |= {"stdout": file, "on_progress": doing.name, "on_report": watch.report}
        with nodeprogram.start(target.connection, "kw_archive.send", instance.name, **words) as running:
            settled = incoming.Settling(file)
            while not running.ended(0.2):
                doing.count(settled())
            done = running.result()
        manifest = _manifest(done)
        incoming.complete(file, manifest, int(done["reserved"]))
    return manifest, tuple(done["skipped"])


def _manifest(done: dict[str, Any]) -> Manifest:
    return parse_manifest(json.dumps(done["manifest"]).encode())


class _Doing:
    """Tells what is being done: the service, and how many bytes have come by now."""

    def __init__(self, on_progress: OnProgress) -> None:
        self.on_progress, self.what = on_progress, ""

    def name(self, text: str) -> None:
        """Take what the node says that it does."""
        self.what = text

    def count(self, size: int) -> None:
        """Take how many bytes have come."""
        self.on_progress(f"{self.what} {screen.size(size)}")


def keep(target: Target, *, freeze: bool = False, watch: Watch | None = None) -> Outcome:
    """Dump an instance into an archive that stays on its node, in `/web/<instance>/dump/`.

    Args:
        target, freeze, watch: as in `create`.

    Raises:
        KraftwerkError: as `create`.
    """
    watch, start = watch or Watch(), time.monotonic()
    with lock.held(target.connection, target.instance.name):
        instance = deployed(target)
        with _held(target, instance, freeze, watch):
            done = nodeprogram.call(
                target.connection,
                "kw_archive.create",
                instance.name,
                node=target.node.name,
                kraftwerk=__version__,
                frozen=freeze,
                on_progress=watch.on_progress,
                on_report=watch.report,
            )
    path, skipped = PurePosixPath(done["path"]), tuple(done["skipped"])
    return Outcome(path, done["size"], _manifest(done), skipped, time.monotonic() - start)


@contextmanager
def _held(target: Target, instance: Instance, freeze: bool, watch: Watch) -> Iterator[None]:
    if not freeze:
        yield
        return
    with hold.held(target.connection, instance, strict=True, on_progress=watch.on_progress):
        yield


def safety(target: Target, *, watch: Watch | None = None) -> Path:
    """Dump an instance into the admin's own folder of safety dumps, before something replaces its data.

    Raises:
        KraftwerkError: as `create`.
    """
    path = create(target, private(state_home() / "dumps"), watch=watch).path
    assert isinstance(path, Path)  # noqa: S101 - it is one here
    return path


def deployed(target: Target) -> Instance:
    """Return the instance as it really is on its node, which kraftwerk.yaml may be ahead of.

    Raises:
        KraftwerkError: it isn't deployed there.
    """
    found = registry.sync(target.connection).get(target.instance.name)
    if found is None or not found.present:
        raise not_deployed(target)
    return found


def ordered(services: Sequence[str]) -> list[str]:
    """Return services in the order of dumping and loading: as declared, but files last."""
    return sorted(services, key=lambda service: service == LAST)


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
