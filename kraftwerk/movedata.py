"""The data of an instance that moves: copied from node to node, once while it serves and once while it is held."""

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from kraftwerk import arrival, load, relay, replacement
from kraftwerk.arrival import Arrive
from kraftwerk.manifest import Manifest
from kraftwerk.move import Move, OnStep
from kraftwerk.moveplan import FILES
from kraftwerk.screen import OnProgress, Step


class _Unchanged(Exception):
    """What arrived is what had been copied before."""


def copy(move: Move, on_progress: OnProgress) -> str:
    """Copy all data, or what has changed since it was copied last; return in words what that was.

    Raises:
        KraftwerkError: a service can't be dumped or loaded, or its files can't be copied.
    """
    told = []
    for one in move.plan.coming:
        began = time.monotonic()
        changed = _files(move, on_progress) if one.service == FILES else _database(move, one.service, on_progress)
        told.append(f"{one.service} {time.monotonic() - began:.1f}s" if changed else f"{one.service} as copied")
    return ", ".join(told)


def _files(move: Move, on_progress: OnProgress) -> bool:
    uploads = move.instance.root / "uploads"
    source, into = move.plan.source.connection, move.plan.into.connection
    relay.copy(source, uploads, into, uploads, lambda text: on_progress(f"{FILES} {text}"))
    return True


def _database(move: Move, service: str, on_progress: OnProgress) -> bool:
    """Copy a service's data by its own dump and load; leave it when its dump is the same as of the copy before."""
    source, into = move.plan.source, move.plan.into
    if service not in move.plans:
        origin, coming = replacement.of_instance(source.connection, replace(source.instance, services=(service,)))
        move.plans[service] = replacement.plan(into, origin, coming)
    try:
        load.load(into, move.plans[service], _arrive(move, service), back="", step=_within(service, on_progress))
    except _Unchanged:
        return False
    return True


def _arrive(move: Move, service: str) -> Arrive:
    inner = arrival.of_instance(move.plan.source, move.plan.into, [service])

    def arrive(token: str, on_progress: OnProgress) -> Manifest:
        manifest = inner(token, on_progress)
        sums = manifest.service(service).members
        if move.sums.get(service) == sums:
            raise _Unchanged
        move.sums[service] = sums
        return manifest

    return arrive


def _within(service: str, on_progress: OnProgress) -> OnStep:
    """Return what shows the steps of a load as progress of the step that it is in."""

    class Inner(Step):
        def progress(self, text: str) -> None:
            on_progress(f"{service} {self.label} {text}")

    def step(label: str) -> AbstractContextManager[Step]:
        on_progress(f"{service} {label}")
        return nullcontext(Inner(label, None))

    return step
