"""Going on with a deploy that failed, in the release that it made: as it was uploaded, with what it has by then."""

from collections.abc import Sequence
from dataclasses import replace

from kraftwerk import cutover, deploy, nodevenv, slot, target
from kraftwerk import lock as locks
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.release import FAILED, LIVE, NEW, PREVIOUS, History, Release
from kraftwerk.rollout import Phase, Rollout

FIRST, LAST = "virtualenv", "boot"  # of the phases to begin with before the switch
SWITCHED = "workers"  # the first of those that can be done again after it
NAMES = tuple(phase.__name__ for phase in deploy.DEPLOY)


def find(run: Rollout, start: str) -> Sequence[Phase]:
    """Take up the last release of a node, and return the phases that it shall go through.

    The node is looked at again, which costs nothing where nothing has changed there or in kraftwerk.yaml.

    Args:
        start: the first phase.

    Raises:
        KraftwerkError: there is no such phase, nothing failed, or the release isn't ready for that phase (code 2).
    """
    if start not in NAMES:
        raise KraftwerkError(f"{start} is no phase; there are {', '.join(NAMES)}", code=2)
    run.programs = deploy.programs(run)
    run.history = releases.read(run.target.connection, run.instance)
    _take_up(run, start)
    phases = deploy.DEPLOY[NAMES.index(start) :]
    if run.switched:
        return (lock, *(grow if phase is cutover.grow else phase for phase in phases))
    return (lock, deploy.node, *phases)


def lock(run: Rollout) -> str:
    """Keep others away, and see that nobody deployed since we looked."""
    held = locks.held(
        run.target.connection, run.instance.name, wait=run.patience, last=slot.idle(), on_progress=run.progress
    )
    run.locks.enter_context(held)
    now = releases.read(run.target.connection, run.instance)
    last = now.releases.get(max(now.releases, default=0), Release(0))
    if (now.live, _begun(last)) != (_live(run), run.release):  # or went on with it, and failed elsewhere
        cause = f"somebody else deployed to {run.target.node.name} meanwhile"
        raise KraftwerkError(cause, next_command="kraftwerk releases")
    run.target = replace(run.target, instance=target.scaled(run.instance, now.hosted))
    run.landed = True
    return ""


def grow(run: Rollout) -> None:
    """Start the workers that had no room beside the old release: nobody here knows how many that are."""
    slot.resize(run.target.connection, run.instance)


def question(run: Rollout, start: str) -> str:
    """Return what is asked before."""
    release = run.release
    commit = f" of commit {release.version}" if release.commit else ""
    return f"Go on with release {release.number}{commit} from {start}, as it was uploaded at {release.when}?"


def _live(run: Rollout) -> int | None:
    return run.release.number if run.switched else run.history.live


def _take_up(run: Rollout, start: str) -> None:
    """Have the run be where the deploy of the last release was just before a phase."""
    last = run.history.releases.get(max(run.history.releases, default=0), Release(0))
    if last.state == LIVE and start in NAMES[NAMES.index(SWITCHED) :]:
        run.history, run.slot = _before(run.history), run.history.live_slot
        run.switched = run.booted = True
    elif last.state in (FAILED, NEW):
        _check(start, last)
    else:
        raise KraftwerkError("no deploy failed since the release that is live", next_command="kraftwerk deploy", code=2)
    run.release = _begun(last)
    if start == FIRST:
        _check_packages(run)


def _begun(release: Release) -> Release:
    """Return the record of a release as it is while its deploy is under way."""
    return replace(release, state=NEW, reason="", phase="")


def _possible(last: Release) -> Sequence[str]:
    """Return the phases that a failed release can go on with: all before were done, and booting is done anew.

    One that went on already, and failed before it was where it had failed, has done nothing for sure.
    """
    known = NAMES[NAMES.index(FIRST) : NAMES.index(LAST) + 1]
    if last.phase in known:
        return known[: known.index(last.phase) + 1]
    return known if last.phase in NAMES[NAMES.index(LAST) :] else known[:1]


def _check(start: str, last: Release) -> None:
    possible = _possible(last)
    if start in possible:
        return
    if last.state == NEW:
        how = f"was interrupted, and came as far as {last.phase or 'the upload'} for sure"
    else:
        how = f"failed in {last.phase}" if last.phase else "was interrupted, and how far it came isn't known"
    raise KraftwerkError(
        f"the deploy of release {last.number} {how}: it can go on from {', '.join(possible)}, not from {start}",
        next_command=f"kraftwerk deploy --from {possible[-1]}",
        code=2,
    )


def _check_packages(run: Rollout) -> None:
    """See that the release would get what it was named for: requirements are read here, its files are on the node."""
    python = run.history.python or run.instance.python
    if nodevenv.name(run.requirements, python, run.release.number, run.cargo) != run.release.virtualenv:
        cause = f"release {run.release.number} can't go on from {FIRST}: what is required has changed since it was "
        cause += "uploaded, or it was made of wheels, or as on another node"
        raise KraftwerkError(cause, next_command="kraftwerk deploy", code=2)


def _before(history: History) -> History:
    """Return the history as it was before the live release was: the other slot may still run what it came after."""
    other = "b" if history.live_slot == "a" else "a"
    earlier = [each.number for each in history.releases.values() if each.state == PREVIOUS]
    live = history.slots.get(other) or max(earlier, default=None)
    return replace(history, live=live, live_slot=other if other in history.slots else "")
