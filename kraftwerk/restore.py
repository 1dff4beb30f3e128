"""Points brought back: fetched from their store, decrypted here, verified and laid down by the node that they go to."""

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kraftwerk import arrival, load, localproc, lock, nodeprogram, replacement, safety, screen, secret, store
from kraftwerk.arrival import Arrive
from kraftwerk.backup import Backups, Point
from kraftwerk.counts import counted
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest
from kraftwerk.paths import private, state_home
from kraftwerk.replacement import Holding, Origin, Plan
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target

STAMP = "%Y%m%dT%H%M%S"
LATER = timedelta(hours=1)  # than its archive a point may be named: names of one second are told apart


def of_point(point: Point) -> tuple[Origin, tuple[Holding, ...]]:
    """Return where a point comes from and what it holds, by its index."""
    index = point.index
    origin = Origin(index["project"], index["environment"], index["instance"], point.node, index["created"])
    holds = [Holding(str(s["service"]), str(s["version"]), s["counts"], int(s["size"]), True) for s in point.services]
    return origin, tuple(holds)


def way(backups: Backups, point: Point, into: Target, services: Sequence[str]) -> Arrive:
    """Return how a point arrives at a node: through this computer's memory, with one part at a time on its disk.

    Args:
        services: what is laid down there; all of it is verified.
    """

    def arrive(token: str, on_progress: OnProgress) -> Manifest:
        with _stored(backups, point) as stored:
            decrypted = secret.decrypted(stored) if point.encrypted else stored
            return _meant(point, arrival.receive(into, token, services, _whole(point, decrypted), on_progress))

    return arrive


def _meant(point: Point, manifest: Manifest) -> Manifest:
    """Return what arrived, if it is the point that its index tells of.

    Whoever may write to the store could put another one in its place, an older one, or another site's; what is
    encrypted they can't alter.

    Raises:
        KraftwerkError: it is another one.
    """
    said = (manifest.instance, manifest.node, datetime.fromisoformat(manifest.created))
    after = datetime.strptime(point.name, STAMP).replace(tzinfo=UTC) - said[2]
    if said != (point.index["instance"], point.node, point.created) or not timedelta(0) <= after < LATER:
        raise KraftwerkError(
            f"{point.name} of {point.node} holds another archive: {said[0]} of {said[1]}, made {manifest.created}"
        )
    return manifest


@contextmanager
def _stored(backups: Backups, point: Point) -> Iterator[Iterable[bytes]]:
    """Open a point's bytes as they are stored, each part compared with its sum."""
    if backups.local:
        connection, name = backups.connection(point.node), backups.instance.name
        with nodeprogram.start(connection, "kw_backup.send", name, point.name) as sender:
            yield _sent(sender)
    else:
        yield store.pieces(backups.store(), point.index, _part())


def _part() -> Path:
    """Return a file for one part, which is gone after that; what killed processes left goes now."""
    folder = private(state_home() / "parts")
    for left in folder.iterdir():
        if not localproc.alive([int(left.name)]):
            left.unlink(missing_ok=True)
    return folder / str(os.getpid())


def _sent(sender: nodeprogram.Running) -> Iterator[bytes]:
    """Yield what a node sends; where that ends too early, it says why."""
    assert sender.stdout is not None  # noqa: S101 - it is what is read
    yield from arrival.pieces(sender.stdout)
    sender.result()


def _whole(point: Point, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an archive's bytes.

    Raises:
        KraftwerkError: at their end, when they are not those that were backed up.
    """
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != point.index["archive"]["sha256"]:
        raise KraftwerkError(f"{point.name} is damaged: it is not the archive that was backed up")


def carry_out(backups: Backups, point: Point, there: Target, plan: Plan, *, keep: bool, yes: bool) -> None:
    """Ask, replace an instance's data by a point's, and tell how it ended.

    Args:
        keep: dump what is replaced before.
        yes: don't ask.

    Raises:
        KraftwerkError: the answer was no, or as `load.load`.
    """
    if backups.backup["recipients"] and not point.encrypted:
        screen.warn(
            f"{point.name} isn't encrypted, as points are here: whoever may write into the store can have made it"
        )
    with lock.held(there.connection, there.instance.name):
        replacement.confirm(plan, kept=keep, yes=yes)
        back = safety.keep(there, plan) if keep else ""
        outcome = load.load(there, plan, way(backups, point, there, plan.services), back=back)
    load.tell(outcome, back)


def rehearse(backups: Backups, point: Point, on: Target, on_progress: OnProgress) -> dict[str, Any]:
    """Rehearse a restore on a node: lay a point beside the present data, compare it with its manifest, remove it.

    Returns what was checked: point, kind, checked, seconds, at.

    Raises:
        KraftwerkError: the point can't be fetched or decrypted, isn't whole, or isn't what its manifest says.
    """
    name = on.instance.name
    if on.node.name == point.node and not point.encrypted:
        found: dict[str, Any] = nodeprogram.call(
            on.connection, "kw_backup.verify", name, point.name, on_progress=on_progress
        )
        return found
    start = time.monotonic()
    checked = _rehearsed(backups, point, on, on_progress)
    how = {"point": point.name, "kind": "restore", "checked": checked, "seconds": round(time.monotonic() - start, 1)}
    return _recorded(backups, point, how)


def _rehearsed(backups: Backups, point: Point, on: Target, on_progress: OnProgress) -> list[str]:
    token, name = secrets.token_hex(6), on.instance.name
    services = [str(each["service"]) for each in point.services]
    with lock.held(on.connection, name):
        manifest = way(backups, point, on, services)(token, on_progress)
        checked: list[str] = nodeprogram.call(
            on.connection, "kw_rehearsal.compare", name, token, asdict(manifest), on_progress=on_progress
        )
    return [f"{point.stored:,} bytes in {counted(point.parts, 'parts')}, as they were written", *checked]


def _recorded(backups: Backups, point: Point, how: dict[str, Any]) -> dict[str, Any]:
    """Record a rehearsal: with the node that made the point, and where that is gone in the store alone."""
    if point.node in backups.nodes:
        with suppress(KraftwerkError):
            recorded: dict[str, Any] = nodeprogram.call(
                backups.connection(point.node), "kw_backup.proven", backups.instance.name, how
            )
            return recorded
    how = {**how, "at": datetime.now(UTC).isoformat(timespec="seconds"), "ok": True}
    with suppress(KraftwerkError):  # credentials that may only read
        store.call("kw_point.verified", backups.store(), point.index, how)
    return how
