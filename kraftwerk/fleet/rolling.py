"""A deploy to several nodes: one goes first and alone, the others follow in batches, and nobody stays half-way.

What is wrong with a release shows at the first, and the others serve on, untouched. When it fails at a later one, those
that have switched go back. Release commands run once for each set of databases (sharing.py), before any other node
that uses these has the release.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from kraftwerk import deploy, lead, rollout, screen, steady
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import bound, foreman, sharing
from kraftwerk.fleet.board import Board, Told
from kraftwerk.fleet.converging import prepare
from kraftwerk.fleet.foreman import Done
from kraftwerk.lead import Lead
from kraftwerk.release import History
from kraftwerk.rollout import Rollout
from kraftwerk.screen import OnProgress
from kraftwerk.tokens import Tokens

PATIENCE = 60  # seconds that going back waits for what the failed deploy left running
STAYS = -1  # in place of a release's number: what failed elsewhere is the first one there
R = TypeVar("R")


@dataclass
class Outcome:
    """What became of a deploy to several nodes, by their names.

    Attributes:
        live: the release went live there; failed: it did not.
        back: gone back, as it failed elsewhere; with the release that serves again.
        stuck: it is live there still, though it failed elsewhere: there is nothing to go back to, or that failed, too.
    """

    live: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    back: dict[str, int] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return what failed, and what serves where the release went live before that."""
        back = [f"{name} (release {number})" for name, number in self.back.items()]
        parts = [
            f"{', '.join(self.failed)}: not deployed",
            f"gone back: {', '.join(back)}" if back else "",
            f"the new release stays live on {', '.join(self.stuck)}: versions are mixed" if self.stuck else "",
        ]
        return "; ".join(filter(None, parts))


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


def go(
    runs: Sequence[Rollout],
    folder: Path,
    *,
    batch: int | None = None,
    at_once: int | None = None,
    undo: bool = True,
) -> Outcome:
    """Deploy to the first node, and when it is live there, to the others; print what became of each.

    Args:
        folder: a place for what the first node hands on to the others.
        batch: how many others at the same time; by default all.
        at_once: how many nodes are worked on at the same time; by default as many as the machine carries.
        undo: when it fails somewhere, go back where it is live already.
    """
    outcome, begun, leads = Outcome(), list[Rollout](), dict[str, Lead]()
    led = _led_by(runs)
    try:
        for wave in _led(runs, batch, leads):
            begun += wave
            done = _work(wave, partial(_deploy, folder, led), "Deploying", at_once=at_once)
            leads |= {each.name: each.value for each in done if each.value is not None}
            outcome.live += [each.name for each in done if each.error is None]
            outcome.failed += [each.name for each in done if each.error is not None]
            if outcome.failed:
                break
    except KeyboardInterrupt:
        screen.warn(_interrupted(outcome.live, [run.target.node.name for run in begun]))
        raise
    if outcome.failed and undo:
        _undo(begun, outcome, at_once)
    elif outcome.failed:
        outcome.stuck = list(outcome.live)
    reached = {run.target.node.name for run in begun}
    names = [run.target.node.name for run in runs]
    outcome.failed += [name for name in names if name not in reached]
    return outcome


def _interrupted(live: Sequence[str], begun: Sequence[str]) -> str:
    """Return what is known: a node that was at work may have switched, or not."""
    under_way = [name for name in begun if name not in live]
    maybe = f", {', '.join(under_way)} may have it" if under_way else ""
    return f"interrupted: {', '.join(live) or 'no node'} has the new release{maybe}; kraftwerk status tells"


def _led(runs: Sequence[Rollout], batch: int | None, leads: dict[str, Lead]) -> Iterator[list[Rollout]]:
    """Yield who is deployed to at the same time, each with the lead that it follows.

    Args:
        leads: those of the nodes that were deployed to, by their names; filled in between.
    """
    by = sharing.leaders(runs)
    for wave in sharing.waves(runs, batch):
        first = next(iter(leads.values()), None)
        for run in wave:  # where it shares no data, versions are led by the very first, but not what commands made
            run.lead = leads.get(by[run.target.node.name]) or (first and replace(first, collected=None))
        yield wave


def back(runs: Sequence[Rollout], number: int | None, at_once: int | None = None) -> list[Done[int]]:
    """Go back to an earlier release on all nodes at once, and print what became of each.

    Args:
        number: which release; else, on each node, the one that was live before.
    """
    return _work(runs, partial(_stay, number), "Going back", at_once=at_once)


def _led_by(runs: Sequence[Rollout]) -> set[str]:
    """Return the names of the nodes that others follow: the first, and those that run release commands for them."""
    by = sharing.leaders(runs)
    return {runs[0].target.node.name, *(leader for name, leader in by.items() if name != leader)}


def _deploy(folder: Path, led: Collection[str], run: Rollout, on_progress: OnProgress) -> Lead:
    """Deploy to a node, and return what it leads others by.

    Args:
        led: the names of the nodes that others follow.
    """
    with Tokens(on_progress) as tokens:
        rollout.go(run, deploy.DEPLOY, tokens)
    screen.say(deploy.told(run, alone=False))
    if run.target.node.name not in led:
        return Lead(run.target.node.name)
    connection, instance, number = run.target.connection, run.instance, run.release.number
    file = folder / f"{run.target.node.name}.tar.gz"
    lead.collect(connection, instance, number, file)
    pins = lead.pins(connection, f"{instance.root}/venvs/{run.release.virtualenv}")
    return Lead(run.target.node.name, run.history.python, pins, file)


def _back(number: int | None, run: Rollout, on_progress: OnProgress) -> int:
    deploy.find_earlier(run, number)
    with Tokens(on_progress) as tokens:
        rollout.go(run, deploy.ROLLBACK, tokens)
    screen.say(deploy.told(run, alone=False))
    deploy.warn_of_migrations(run)
    return run.release.number


def _stay(number: int | None, run: Rollout, on_progress: OnProgress) -> int:
    """Go back, and see whether the workers stay up."""
    gone = _back(number, run, on_progress)
    steady.stay(run)
    return gone


def _undo(begun: Sequence[Rollout], outcome: Outcome, at_once: int | None) -> None:
    """Go back on all nodes where what was deployed is live, also where that failed after the switch."""
    for each in _work(begun, partial(_undone, set(outcome.live)), "Going back", at_once=at_once):
        if each.value == STAYS or (each.error is not None and each.name in outcome.live):
            outcome.stuck.append(each.name)
        elif each.value:
            outcome.back[each.name] = each.value


def _undone(live: Collection[str], run: Rollout, on_progress: OnProgress) -> int:
    """Go back to what was live before; return its number, STAYS where there was nothing, 0 where it isn't live.

    The node says what that was: while the questions were asked, somebody else may have deployed.

    Args:
        live: the names of the nodes where it went live; of others that can't be reached, that was told already.
    """
    try:
        now = releases.read(run.target.connection, run.instance)
    except KraftwerkError:
        if run.target.node.name in live:
            raise
        return 0
    found = now.releases.get(now.live or 0)
    if found is None or found.mark != run.mark:
        return 0
    number = _before(run, now)
    if number == STAYS:
        return STAYS
    return _back(number, Rollout(run.project, run.target, patience=PATIENCE), on_progress)


def _before(run: Rollout, now: History) -> int:
    """Return the release that was live before ours; STAYS where there was none, or a served one, as nobody goes back.

    Args:
        run: how it was when it was checked; others may have deployed between that and ours.
    """
    previous = [each.number for each in now.releases.values() if each.state == releases.PREVIOUS]
    if not previous or (run.left.served and previous[-1] < run.left.number):
        return STAYS
    return previous[-1]


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
