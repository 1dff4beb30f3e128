"""From one release to the next: it boots beside the live one, must answer, and takes its place; the old one drains."""

import time

from kraftwerk import balancer, capacity, cause, places, screen, slot, steady
from kraftwerk import gate as gates
from kraftwerk.errors import KraftwerkError
from kraftwerk.rollout import Rollout


def stand_by(run: Rollout) -> None:
    """Have the free slot load what applications are made of, while release commands run: most of a boot's time."""
    room = capacity.room(run.instance, run.history.capacity)
    if run.instance.release and run.history.live and room.fits:
        run.slot, run.booted = run.history.free_slot, True
        slot.stand_by(run.target.connection, run.instance, run.slot, run.release.number)


def boot(run: Rollout) -> None:
    """Start the release beside the one that serves: with one worker, where two releases don't fit the node's memory."""
    run.slot, run.booting, run.booted = run.history.free_slot, time.monotonic(), True
    room = capacity.room(run.instance, run.history.capacity)
    few = None if room.fits or run.served else room.boots
    if few is not None:
        screen.warn(room.words)
    run.log_size = slot.boot(run.target.connection, run.instance, run.slot, run.release.number, few)
    run.missing = capacity.workers(run.instance, run.history.capacity) - few if few is not None else 0


def gate(run: Rollout) -> str:
    """Let nothing pass that doesn't answer."""
    more = 0 if run.served else gates.SECOND_THOUGHTS  # whoever saves a mistake wants to hear of it at once
    answer, reason = gates.check(run.target.connection, run.instance, run.slot, more)
    if reason:
        log = slot.log(run.target.connection, run.instance, run.slot, run.log_size)
        why = cause.find(log)
        told = [": ".join(filter(None, [reason, why.text])), *slot.last(log)]
        raise KraftwerkError("\n".join(told), next_command=why.next_command)
    return f"{answer} in {time.monotonic() - run.booting:.1f}s"


def switch(run: Rollout) -> str:
    """Make it the live one: a rename, so that no request fails."""
    run.unsure = True  # until the node has said so: the connection may break just then
    slot.switch(run.target.connection, run.instance, run.slot, run.release.number)
    run.switched, run.unsure, run.undo = True, False, steady.go_back
    return ""


def drain(run: Rollout) -> None:
    """Let the old one finish its requests, then stop it; a deploy leaves places that only the old one's data had."""
    run.undo = None  # from here on there is nothing left to go back to at once
    if run.history.live_slot:
        slot.stop(run.target.connection, run.instance, run.history.live_slot)
    if run.back:
        return  # the node is as it was: kraftwerk.yaml may name other places by now
    try:
        places.leave_earlier(run.target, run.project.root, run.progress)
    except KraftwerkError as error:  # the site is live all the same, and the next deploy tries again
        screen.warn(error.cause)


def grow(run: Rollout) -> str | None:
    """Start the workers that had no room beside the old release."""
    if not run.missing:
        return None
    slot.resize(run.target.connection, run.instance)
    return f"{run.missing} more workers"


def balance(run: Rollout) -> str | None:
    """Have the balancer lead visitors here, and to no node that kraftwerk.yaml doesn't name any more."""
    if not run.instance.balancer:
        return None
    return balancer.settle(run.instance, run.target.node, run.project.nodes(run.instance.environment)) or None
