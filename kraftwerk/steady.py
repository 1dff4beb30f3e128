"""Workers follow a release: they are started anew, and seen to stay up."""

from dataclasses import dataclass
from functools import partial

from kraftwerk import cause, handover, screen, slot
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, environment_words
from kraftwerk.remote import script
from kraftwerk.rollout import SECONDS, Rollout
from kraftwerk.transport import Connection

PATIENCE = 20  # seconds until a worker that ended once must have been up for a while
LINES = 10  # shown of its log
READ = 100


@dataclass(frozen=True)
class Before:
    """How workers were before they were started anew: those that ran, the new ones, and who didn't stay up."""

    followed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    unsteady: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unsteady:
    """A worker that doesn't stay up: what runit calls it after the instance's name, how it ended, its last lines."""

    unit: str
    how: str
    lines: tuple[str, ...]

    @property
    def worker(self) -> str:
        """Return which one of `processes:` it is."""
        return self.unit.partition(".")[0]


def workers(run: Rollout) -> str | None:
    """Have workers follow. One that doesn't stay up takes the release back, unless it didn't before, either.

    Who goes back isn't led to what they leave again: those workers are restarted, and looked after later (`stay`).
    """
    connection, instance = run.target.connection, run.instance
    others = handover.is_due(run)
    if not instance.processes and not others:
        return None
    if others and not _hand_over(run):
        return ""
    before = restart(connection, instance, instance.units)
    if run.undo is not None:
        run.undo = partial(go_back, followed=before.followed, new=before.new, others=others)
    if run.served or run.back:
        return SECONDS if others else ""
    unsteady = look(connection, instance, instance.units)
    if not unsteady:
        return SECONDS
    words = told(unsteady)
    if before.unsteady >= {each.unit for each in unsteady}:
        screen.warn(f"{words}\nnor did it before this release → {advice(instance, unsteady[0])}")
        return SECONDS
    if run.history.live is None or run.undo is None:  # nothing to go back to, or nothing that still runs
        run.complaints.append(f"{words}\n→ {advice(instance, unsteady[0])}")
        return SECONDS
    run.undo(run)
    raise KraftwerkError(words, next_command=advice(instance, unsteady[0]))


def _hand_over(run: Rollout) -> bool:
    """Give the node the release's own workers and cron jobs, or lead visitors back; tell whether it has them.

    In a rollback it is only said that it has not: nobody is led to what they leave again.
    """
    if run.undo is not None:
        run.undo = partial(go_back, others=True)
    try:
        handover.take(run)
    except KraftwerkError as error:
        if run.back:
            run.complaints.append("\n→ ".join(filter(None, [error.cause, error.next_command])))
            return False
        if run.undo is not None:
            run.undo(run)
        raise
    return True


def stay(run: Rollout) -> None:
    """See whether workers stay up after a rollback, which is over: it stays where it is.

    Raises:
        KraftwerkError: one doesn't.
    """
    if unsteady := look(run.target.connection, run.instance, run.instance.units):
        words = f"{told(unsteady)}\nrelease {run.release.number} is live all the same"
        raise KraftwerkError(words, next_command=advice(run.instance, unsteady[0]))


def restart(connection: Connection, instance: Instance, units: tuple[str, ...]) -> Before:
    """Have workers run the live release, without waiting for it; return how they were before."""
    if not units:
        return Before()
    printed = connection.script(script("workers"), instance.name, *units).stdout.decode(errors="replace")
    lines = [line.partition(" ") for line in printed.splitlines()]
    new = tuple(unit for word, _, unit in lines if word == "new")
    unsteady = frozenset(unit for word, _, unit in lines if word == "unsteady")
    return Before(tuple(unit for unit in units if unit not in new), new, unsteady)


def catch_up(run: Rollout) -> None:
    """Have the node's workers run the live release, where they may not: what made it live was cut off at its switch."""
    if there := run.history.hosted.get(run.instance.name):
        restart(run.target.connection, there, there.units)


def look(connection: Connection, instance: Instance, units: tuple[str, ...]) -> list[Unsteady]:
    """Wait until workers have been up for a moment; return those that don't stay up."""
    if not units:
        return []
    arguments = (instance.name, str(PATIENCE), str(READ), *units)
    timeout = PATIENCE * (1 + len(units))
    return parse(connection.script(script("steady"), *arguments, timeout=timeout).stdout.decode(errors="replace"))


def parse(printed: str) -> list[Unsteady]:
    """Return the workers that `steady.sh` printed."""
    found: list[Unsteady] = []
    for line in printed.splitlines():
        if not line.startswith(" "):
            unit, _, how = line.partition("\t")
            found.append(Unsteady(unit, how, ()))
        elif found:
            last = found.pop()
            found.append(Unsteady(last.unit, last.how, (*last.lines, slot.STAMP.sub("", line[1:]))))
    return found


def told(unsteady: list[Unsteady]) -> str:
    """Return what is printed of workers that don't stay up: why, and below it what one of each kind said last."""
    printed = []
    for name, each in {each.worker: each for each in reversed(unsteady)}.items():
        units = ", ".join(other.unit for other in unsteady if other.worker == name)
        ended = f"{units} {'do' if ',' in units else 'does'}n't stay up"
        why = cause.find("\n".join(each.lines)).text
        printed.append(": ".join(filter(None, [f"{ended} ({each.how})" if each.how else ended, why])))
        printed += [f"  {line}" for line in slot.once(list(each.lines))[-LINES:]]
    return "\n".join(printed)


def advice(instance: Instance, worker: Unsteady) -> str:
    """Return the command that shows more of a worker's log."""
    words = ["kraftwerk logs --process", worker.worker, *environment_words(instance.environment)]
    return " ".join(words)


def go_back(run: Rollout, followed: tuple[str, ...] = (), new: tuple[str, ...] = (), *, others: bool = False) -> None:
    """Lead visitors to the release that was live, which hasn't been stopped yet, and have workers follow it.

    Args:
        followed: workers that run the other release by now.
        new: those that only it had: they go.
        others: workers or cron jobs were changed: they become what they were.
    """
    if run.history.live is None or not run.history.live_slot:
        return
    connection, instance = run.target.connection, run.instance
    slot.switch(connection, instance, run.history.live_slot, run.history.live, again=True)
    run.switched = False
    if new:
        connection.script(script("halt"), instance.name, *new, timeout=30 + 10 * len(new))
    if others:
        handover.give_back(run)
        followed = tuple(unit for unit in handover.before(run).units if unit not in new)
    restart(connection, instance, followed)
