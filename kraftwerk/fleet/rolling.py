"""A deploy to several nodes: one goes first and alone, the others follow at once.

What is wrong with a release shows at the first, and the others serve on, untouched. Release commands run on one node
at a time: they may share a database.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from kraftwerk import deploy, flock, rollout, screen
from kraftwerk.fleet import bound, foreman
from kraftwerk.fleet.board import Board, Told
from kraftwerk.fleet.converging import prepare
from kraftwerk.fleet.foreman import Done
from kraftwerk.instance import Instance
from kraftwerk.paths import private, state_home
from kraftwerk.rollout import Rollout
from kraftwerk.screen import OnProgress
from kraftwerk.tokens import Tokens

TURN = 3600  # seconds that a node waits for the release commands of others
R = TypeVar("R")


def check(
    runs: Sequence[Rollout], *, plan: bool, at_once: int | None = None, as_json: bool = False
) -> list[Done[Rollout]]:
    """Check what shall be deployed where, and print the plans.

    Args:
        plan: work out what would change; else only warn of what one would have to say at least.
        at_once: how many nodes at the same time; by default as many as the machine carries.
        as_json: print no plans.
    """

    def task(run: Rollout, on_progress: OnProgress) -> Rollout:
        run.progress = on_progress
        deploy.check(run)
        (deploy.plan if plan else deploy.warn)(run)
        run.progress = rollout.unheard  # of this process; all else is told to the one that asks
        return run

    return _work(runs, task, "Planning" if plan else "Checking", _plan, at_once, as_json)


def go(runs: Sequence[Rollout], at_once: int | None = None) -> list[Done[int]]:
    """Deploy to the first node, and when it is live there, to the others at once; print what became of each.

    Returns:
        What became of the nodes that were begun: the numbers of their releases. Where the first failed, that is all.
    """

    def task(run: Rollout, on_progress: OnProgress) -> int:
        run.hooks = in_turn(run.instance)
        with Tokens(on_progress) as tokens:
            rollout.go(run, deploy.DEPLOY, tokens)
        screen.say(deploy.told(run, alone=False))
        return run.release.number

    done = _work(runs[:1], task, "Deploying", at_once=at_once)
    if done[0].error is None and runs[1:]:
        done += _work(runs[1:], task, "Deploying", at_once=at_once)
    return done


def back(runs: Sequence[Rollout], number: int | None, at_once: int | None = None) -> list[Done[int]]:
    """Go back to an earlier release on all nodes at once, and print what became of each.

    Args:
        number: which release; else, on each node, the one that was live before.
    """

    def task(run: Rollout, on_progress: OnProgress) -> int:
        deploy.find_earlier(run, number)
        with Tokens(on_progress) as tokens:
            rollout.go(run, deploy.ROLLBACK, tokens)
        screen.say(deploy.told(run, alone=False))
        deploy.warn_of_migrations(run)
        return run.release.number

    return _work(runs, task, "Going back", at_once=at_once)


def question(runs: Sequence[Rollout]) -> str:
    """Return what is asked before."""
    first, *others = (run.target.node.name for run in runs)
    return f"Deploy to {first}{', then to ' if others else ''}{', '.join(others)}?"


def _work(
    runs: Sequence[Rollout],
    task: Callable[[Rollout, OnProgress], R],
    doing: str,
    told: Told = lambda _: (),
    at_once: int | None = None,
    as_json: bool = False,
) -> list[Done[R]]:
    prepare()
    board = Board([run.target.node.name for run in runs], doing=doing, told=told, as_json=as_json)
    tasks = {run.target.node.name: partial(task, run) for run in runs}
    return foreman.work(tasks, board, bound.at_once(at_once, heavy=True))


def _plan(run: Rollout) -> list[str]:
    return run.plan.lines() if run.plan else []


def in_turn(instance: Instance) -> dict[str, list[Callable[[Rollout], None]]]:
    """Return the hooks that let one node at a time run what may change a database that several share."""
    turn = ExitStack()

    def take(run: Rollout) -> None:
        run.progress("waits for another node's release commands")
        busy = "another node's release commands take too long"
        turn.enter_context(flock.held(turn_file(instance), busy=busy, timeout=TURN))

    def give(run: Rollout) -> None:
        turn.close()

    return {"before-migrate": [take], "after-superusers": [give]} if instance.release else {}


def turn_file(instance: Instance) -> Path:
    """Return the file that is locked by the node whose turn it is."""
    return private(state_home() / "turns") / instance.name
