"""The data of an instance that moves: copied from node to node, once while it serves and once while it is held."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from kraftwerk import arrival, load, relay, replacement
from kraftwerk.errors import KraftwerkError
from kraftwerk.move import Move, OnStep
from kraftwerk.moveplan import FILES
from kraftwerk.screen import OnProgress, Step


def copy(move: Move, on_progress: OnProgress, *, again: bool = False) -> str:
    """Copy all data, or what has changed since it was copied last; return in words how long each service took.

    Args:
        again: of files little has changed; it is on the new node's disk when this returns.

    Raises:
        KraftwerkError: a service can't be dumped or loaded, or its files can't be copied.
    """
    if not again:
        check_versions(move)
    told = []
    for one in move.plan.coming:
        began = time.monotonic()
        if one.service == FILES:
            _files(move, on_progress, ["--fsync"] if again else [])
        else:
            _database(move, one.service, on_progress)
        told.append(f"{one.service} {time.monotonic() - began:.1f}s")
    return ", ".join(told)


def check_versions(move: Move) -> None:
    """Make sure, before anything is copied, that the new node's servers read what the old one's wrote.

    Raises:
        KraftwerkError: some are older; all of them are named.
    """
    into, databases = move.plan.into, [one for one in move.plan.coming if one.service != FILES]
    there = replacement.holdings(into.connection, into.instance, [one.service for one in databases])
    try:
        replacement.check_versions(into.node.name, databases, there)
    except KraftwerkError as error:
        raise KraftwerkError(error.cause, next_command="a node with the same Debian or a newer one for --to") from error


def _files(move: Move, on_progress: OnProgress, options: Sequence[str]) -> None:
    """Copy uploads: what hasn't changed since the last copy doesn't travel again."""
    uploads = move.instance.root / "uploads"
    source, into = move.plan.source.connection, move.plan.into.connection
    relay.copy(source, uploads, into, uploads, lambda text: on_progress(f"{FILES} {text}"), options)


def _database(move: Move, service: str, on_progress: OnProgress) -> None:
    """Copy a service's data by its own dump and load, all of it: no service can tell cheaply what has changed."""
    source, into = move.plan.source, move.plan.into
    if service not in move.plans:
        origin, coming = replacement.of_instance(source.connection, replace(source.instance, services=(service,)))
        move.plans[service] = replacement.plan(into, origin, coming)
    arrive = arrival.of_instance(source, into, [service])
    load.load(into, move.plans[service], arrive, back="", step=_within(service, on_progress))


def _within(service: str, on_progress: OnProgress) -> OnStep:
    """Return what shows the steps of a load as progress of the step that it is in."""

    class Inner(Step):
        def progress(self, text: str) -> None:
            on_progress(f"{service} {self.label} {text}")

    def step(label: str) -> AbstractContextManager[Step]:
        on_progress(f"{service} {label}")
        return nullcontext(Inner(label, None))

    return step
