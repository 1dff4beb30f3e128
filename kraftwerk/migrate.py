"""Move an instance to another node: copied while it serves, frozen for a moment, led over. Until then nothing is lost.

The old node serves on, untouched, whatever fails or is killed, up to one moment: `lead`, in which it notes that the
instance has moved (remote/moved.sh). From then on the new node serves, and the next call does what is left to do.
"""

import json
import time
from contextlib import suppress
from dataclasses import replace

from kraftwerk import (
    gate,
    highstate,
    hold,
    lock,
    movedata,
    moverelease,
    newplace,
    places,
    registry,
    screen,
    slot,
    steady,
)
from kraftwerk.errors import KraftwerkError
from kraftwerk.hold import Hold
from kraftwerk.instance import Instance
from kraftwerk.move import Move, OnStep
from kraftwerk.moveplan import Plan, waiting
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress

HTTP = 80
SLOT = "a"  # on the new node, where nothing has been live yet
# Marks an instance that is on its way (see inert.sh), and stops what an earlier try left running.
ARRIVING = 'touch "/web/$1/slots/arriving"'
ARRIVED = 'rm -f "/web/$1/slots/arriving"; sync "/web/$1/slots"'
# A new node that loses its power right after the move shall have what it got.
KEPT = 'sync --file-system "/web/$1"'
# Any answer will do: it is about the way there.
REACHED = 'curl -s -o /dev/null --noproxy "*" --max-time 5 "http://$1/" </dev/null'


def migrate(plan: Plan, step: OnStep, wait: float = 0) -> Move:
    """Move an instance, or finish a move that was interrupted after the old node had been left.

    Args:
        wait: seconds to wait for who works on it on the old node.

    Raises:
        KraftwerkError: something failed: the old node serves on; or (said so) the new one does, and not all is tidied.
    """
    move = Move(plan, step, led=plan.begun)
    try:
        with move.locks:
            take_locks(move, wait)
            if not plan.begun:
                prepare(move)
                copy(move)
                rehearse(move)
                freeze(move)
            else:
                lead_again(move)
            open_doors(move)
            tidy(move)
    except KraftwerkError as error:
        cause = f"{error.cause}\n{_told(move)}"
        raise KraftwerkError(cause, next_command=_next(move, error), code=error.code) from error
    except KeyboardInterrupt:
        if move.led is None:
            with suppress(KraftwerkError):
                look(move)
        screen.warn(f"interrupted: {_told(move)}")
        raise
    return move


def take_locks(move: Move, wait: float = 0) -> None:
    """Keep others away from both; should we end before the new node serves, it stops what runs there."""
    name, (source, into) = move.instance.name, (move.plan.source, move.plan.into)
    move.locks.enter_context(lock.held(source.connection, name, wait=wait))
    last = "" if move.led else script("inert")
    move.locks.enter_context(lock.held(into.connection, name, wait=10, last=last))


def prepare(move: Move) -> None:
    """Bring the new node all that the instance needs but its data: the states, its secrets, the release."""
    plan, into = move.plan, move.plan.into
    with move.step(f"{into.node.name} made ready") as shown:
        moverelease.copy_secrets(plan.source.connection, into.connection, move.instance)
        _converge(move, move.instance, shown.progress)
        into.connection.script(ARRIVING, move.instance.name)
        into.connection.script(script("inert"), move.instance.name)
        _check_way(move)
    with move.step(f"release {plan.release.number}") as shown:
        moverelease.copy_release(plan, shown.progress)


def copy(move: Move) -> None:
    """Copy all data while the old node serves."""
    began = time.monotonic()
    with move.step("first copy, while it serves") as shown:
        movedata.copy(move, shown.progress)
        move.plan.into.connection.script(KEPT, move.instance.name)
        move.copied = time.monotonic() - began
        seconds = move.copied + 2
        shown.note = f"the freeze will take about {seconds:.0f} s at most{waiting(seconds)}"


def rehearse(move: Move) -> None:
    """Boot the release on the new node with the copied data, and let nothing freeze before it answers."""
    into = move.plan.into
    with move.step("rehearsal") as shown:
        shown.note = _boot(move)
        slot.stop(into.connection, move.instance, SLOT, seconds=3)


def freeze(move: Move) -> None:
    """Have requests wait while the rest is copied and the new node takes over."""
    plan, into = move.plan, move.plan.into
    with move.step("freeze") as shown:
        holding = hold.held(plan.source.connection, plan.source.instance, strict=True, on_progress=shown.progress)
        with holding as move.held:
            shown.note = movedata.copy(move, shown.progress, again=True)
            shown.progress("boot")
            _boot(move)
            slot.switch(into.connection, move.instance, SLOT, plan.release.number)
            shown.progress("lead")
            lead(move, move.held)


def lead(move: Move, held: Hold) -> None:
    """Leave the old node: it notes that the instance has moved, and what waits is answered by the new one."""
    into = move.plan.into
    lock.check()
    move.led = None
    try:
        into.connection.script(ARRIVED, move.instance.name)
        held.forward(into.node.host, HTTP, script("moved"), *_moved(move))
    finally:
        held.settle()
        look(move)


def look(move: Move) -> None:
    """See which node it is that serves: what the old one noted counts, not what we heard of it."""
    known = registry.sync(move.plan.source.connection).get(move.instance.name)
    move.led = known is not None and bool(known.moved)
    if not move.led:
        move.plan.into.connection.script(ARRIVING, move.instance.name)
        move.plan.into.connection.script(script("inert"), move.instance.name)


def lead_again(move: Move) -> None:
    """Have the old node do once more what it does when it is left: it may have been interrupted in that."""
    with move.step(f"{move.plan.source.node.name} passes requests on"):
        move.plan.source.connection.script(script("moved"), move.instance.name, *_moved(move))


def open_doors(move: Move) -> None:
    """Start workers, cron and backups on the new node."""
    into = move.plan.into
    with move.step(f"workers, cron and backups on {into.node.name}") as shown:
        into.connection.script(ARRIVED, move.instance.name)
        arrived = replace(move.instance, arriving="")
        _converge(move, arrived, shown.progress)
        steady.restart(into.connection, arrived, arrived.units)


def tidy(move: Move) -> None:
    """Take what ran from the old node, data apart, and lead names to the new one."""
    plan, root = move.plan, move.plan.project.root
    source, old = plan.source, plan.source.instance
    with move.step(f"{source.node.name} keeps its data only") as shown:
        only = (old.project,)
        outcome = highstate.converge(source.node, move.left, only=only, project_root=root, on_progress=shown.progress)
        if outcome.failed:
            raise KraftwerkError(highstate.failures(outcome))
        places.leave(source, old, (), root, shown.progress)
    newplace.write(root, plan.text)
    newplace.lead(source.node, plan.into.node, move.instance.domains)


def _boot(move: Move) -> str:
    """Boot the release on the new node and return its answer; nothing is led there yet."""
    into, number = move.plan.into, move.plan.release.number
    size = slot.boot(into.connection, move.instance, SLOT, number)
    answer, reason = gate.check(into.connection, move.instance, SLOT)
    if reason:
        log = slot.log(into.connection, move.instance, SLOT, size)
        lines = [f"on {into.node.name}: {reason}", *slot.last(log)]
        raise KraftwerkError("\n".join(lines))
    return str(answer)


def _converge(move: Move, instance: Instance, on_progress: OnProgress) -> None:
    into, root = replace(move.plan.into, instance=instance), move.plan.project.root
    places.converge(into, root, on_progress)
    outcome = highstate.converge(into.node, instance, project_root=root, on_progress=on_progress)
    if outcome.failed:
        raise KraftwerkError(highstate.failures(outcome), next_command=f"kraftwerk highstate {into.node.name}")
    for line in outcome.lacking:
        screen.warn(line)


def _check_way(move: Move) -> None:
    source, into = move.plan.source, move.plan.into
    if source.connection.script(REACHED, _address(into.node.host), check=False).returncode:
        raise KraftwerkError(
            f"{source.node.name} doesn't reach {into.node.name} at {into.node.host}, port {HTTP}: "
            "it could not pass on the requests of those who still come to it",
            next_command=f"let {source.node.name} through to port {HTTP} of {into.node.name}",
        )


def _moved(move: Move) -> tuple[str, ...]:
    """Return what moved.sh is told."""
    plain = json.dumps(move.left.as_dict(), sort_keys=True)
    names = (*move.plan.source.instance.domains, *move.plan.source.instance.aliases)
    return _address(move.plan.into.node.host), plain, *names


def _address(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _told(move: Move) -> str:
    """Return what serves now."""
    source, into, name = move.plan.source.node.name, move.plan.into.node.name, move.instance.name
    if move.led is None:
        return f"whether {source} or {into} serves {name} can't be seen from here"
    if move.led:
        return f"{name} is served by {into} already; the rest of the move is not done"
    return f"{source} serves {name} on, untouched; nothing of it runs on {into}"


def _next(move: Move, error: KraftwerkError) -> str:
    if error.next_command and move.led is False:
        return error.next_command
    return f"kraftwerk migrate --from {move.plan.source.node.name} --to {move.plan.into.node.name}, once more"
