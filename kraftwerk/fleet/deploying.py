"""The whole of a deploy to several nodes: plans, questions, the work, and what is left to do."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kraftwerk import balancer, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import parcel, rolling
from kraftwerk.instance import environment_words
from kraftwerk.rollout import Rollout


@dataclass(frozen=True)
class Wish:
    """How a deploy to several nodes shall go.

    Attributes:
        plan_only: say what would change, and change nothing.
        yes: ask nothing.
        as_json: print plans as JSON.
        batch: how many nodes at the same time after the first, `3` or `25%`; empty is all, or behind a balancer one.
        at_once: how many nodes are worked on at the same time; None is as many as the machine carries.
        undo: when it fails somewhere, go back where it is live already.
    """

    plan_only: bool = False
    yes: bool = False
    as_json: bool = False
    batch: str = ""
    at_once: int | None = None
    undo: bool = True


def deploy(runs: Sequence[Rollout], wish: Wish) -> int:
    """Deploy to several nodes; return the exit code.

    Raises:
        KraftwerkError: it was not deployed to all that were meant; or must not be behind a balancer (code 2).
    """
    balanced = [run for run in runs if run.instance.balancer]
    for run in balanced[:1]:  # one line, and not one for each node
        balancer.check(run.project, run.instance.environment)
    batch = size(wish.batch or ("1" if balanced else ""), len(runs))
    with parcel.packed(runs) as folder:
        planned = wish.plan_only or not wish.yes
        checked = rolling.check(runs, plan=planned, at_once=wish.at_once, as_json=wish.as_json)
        sound = [each.value for each in checked if each.value is not None]
        if wish.as_json:
            screen.emit_json([run.plan.as_dict() for run in sound if run.plan])
        left = [each.name for each in checked if each.value is None]
        if wish.plan_only or not sound:
            return _ended(f"{', '.join(left)}: can't be deployed to" if left else "", left, runs[0])
        chosen = sound if wish.yes else ask(sound)
        if not chosen:
            screen.say("Nothing was changed.")
            return 1
        outcome = rolling.go(chosen, folder, batch=batch, at_once=wish.at_once, undo=wish.undo)
    outcome.failed += left
    words = str(outcome) if outcome.failed else ""
    return _ended(words, [*outcome.failed, *outcome.back], runs[0])


def size(batch: str, nodes: int) -> int | None:
    """Return how many nodes a batch has: `3` is three, `25%` that part of all, but one at least; None is all.

    Raises:
        KraftwerkError: it is neither (code 2).
    """
    if not batch:
        return None
    number = batch.removesuffix("%")
    if not number.isdecimal() or not int(number):
        cause = f"--batch {batch}: neither a number of nodes nor a part of them"
        raise KraftwerkError(cause, next_command="kraftwerk deploy --batch 2, or --batch 25%", code=2)
    return max(1, nodes * int(number) // 100) if batch.endswith("%") else int(number)


def ask(runs: Sequence[Rollout]) -> list[Rollout]:
    """Ask for each node, and return those that are deployed to."""
    chosen: list[Rollout] = []
    for position, run in enumerate(runs):
        answer = screen.decide(f"Deploy to {run.target.node.name}?", run.plan.more if run.plan else list, others=True)
        if answer == screen.ALL:
            return [*chosen, *runs[position:]]
        if answer == screen.YES:
            chosen.append(run)
    return chosen


def _ended(words: str, left: Sequence[str], run: Rollout) -> int:
    if words:
        names = [*dict.fromkeys(left), *environment_words(run.instance.environment)]
        names += [] if run.wheels is None else ["--wheels", str(run.wheels)]
        raise KraftwerkError(words, next_command=f"kraftwerk deploy {shlex.join(names)}")
    return 0
