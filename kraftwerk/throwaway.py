"""A local node that is made for a rehearsal, and removed when that is over, in whatever way."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kraftwerk import highstate, local, localproc, restore
from kraftwerk.backup import Backups, Point
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target
from kraftwerk.transport import Connection

WORD = "throwaway"


def rehearse(backups: Backups, point: Point, on_progress: OnProgress) -> dict[str, Any]:
    """Rehearse a restore on a node that holds nothing yet but the project's services.

    Raises:
        KraftwerkError: no local node can be made here, or as `restore.rehearse`.
    """
    start = time.monotonic()
    with _node(backups, on_progress) as on:
        how = restore.rehearse(backups, point, on, on_progress)
    place = "on a node that was made for it, and is gone"
    return {**how, "checked": [*how["checked"], place], "seconds": round(time.monotonic() - start, 1)}


@contextmanager
def _node(backups: Backups, on_progress: OnProgress) -> Iterator[Target]:
    _forget_killed()
    name = f"{WORD}-{os.getpid()}"
    on_progress(f"making {name}")
    try:
        node = local.create(name)
        instance = backups.project.instance(backups.environment, name)
        outcome = highstate.converge(node, instance, project_root=backups.project.root, on_progress=on_progress)
        if outcome.failed:
            raise KraftwerkError(f"{name}: {highstate.failures(outcome)}")
        yield Target(node, instance, Connection(node))
    finally:
        local.destroy(name)


def _forget_killed() -> None:
    """Remove the nodes of rehearsals that were killed."""
    for name, node in all_nodes().items():
        word, _, pid = name.partition("-")
        if word == WORD and node.provider == "local" and pid.isdecimal() and not localproc.alive([int(pid)]):
            local.destroy(name)
