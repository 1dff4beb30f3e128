"""A rollback of code and data at once: what a savepoint holds comes back together with the release that it is of."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from kraftwerk import arrival, handover, load, replacement, safety, screen, slot, steady
from kraftwerk.counts import Counts, counted, flatten
from kraftwerk.cutover import boot, drain, gate, grow, stand_by
from kraftwerk.deploy import lock, record, unlock
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest
from kraftwerk.release import FAILED
from kraftwerk.replacement import Plan
from kraftwerk.rollout import Phase, Rollout
from kraftwerk.savepoint import Savepoint, leading_to
from kraftwerk.screen import Step

TABLES = 8  # named of those that lose rows
ROWS = "rows_by_table: "
# How many uploads came or changed since a time.
SINCE = 'cd "$1" 2>/dev/null || exit 0; find . -type f -newermt "$2" | wc -l'


@dataclass(frozen=True)
class Reversion:
    """What would come back, and what would be lost by it.

    Attributes:
        manifest: of what was saved.
        plan: what it replaces.
        lost: counts by table that there are more of by now, and by how many; those of which there are fewer come back.
        uploads: files that came or changed since; they stay.
    """

    run: Rollout
    point: Savepoint
    manifest: Manifest
    plan: Plan
    lost: dict[str, int]
    uploads: int

    @property
    def note(self) -> str:
        """Return what is lost in words."""
        rows = [f"{counted(more, 'rows')} of {name}" for name, more in self.lost.items()]
        others = f" and {len(rows) - TABLES} more tables" if len(rows) > TABLES else ""
        told = ", ".join(rows[:TABLES]) + others if rows else "no rows; rows that were changed become what they were"
        files = counted(self.uploads, "files")
        stay = f"\nuploads stay as they are; {files} came or changed since" if self.uploads else ""
        return f"lost of what came since {self.manifest.moment}, when release {self.point.live} was live: {told}{stay}"

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of the rollback."""

        def data(run: Rollout) -> str:
            """Bring the data back, and switch to the release, which is up by then, while requests wait."""
            return _bring_back(self, run)

        def workers(run: Rollout) -> str | None:
            """Have the node's workers be those of the release; what came with the data has restarted them already."""
            return steady.workers(run) if handover.is_due(run) else None

        return (lock, stand_by, boot, data, workers, drain, grow, record, unlock)


def look(run: Rollout) -> Reversion:
    """Look up what a rollback with its data would bring back and lose; nothing is changed.

    Raises:
        KraftwerkError: nothing was saved since that release was live, or its services don't answer.
    """
    failed = {number for number, each in run.history.releases.items() if each.state == FAILED}
    point = leading_to((each for each in run.history.savepoints if each.before not in failed), run.release.number)
    if point is None:
        raise KraftwerkError(
            f"nothing was saved since release {run.release.number} was live: none migrated, or --no-dump was said",
            next_command=f"kraftwerk rollback {run.release.number}, which leaves the data as it is",
        )
    manifest, _ = arrival.of_archive(_where(run, point))
    origin, held = replacement.of_archive(manifest)
    plan = replacement.plan(run.target, origin, held)
    lost = {
        name: count for one in plan.coming for name, count in less(plan.current[one.service].counts, one.counts).items()
    }
    root = str(run.instance.root / "uploads")
    since = run.target.connection.script(SINCE, root, manifest.created).stdout.decode().strip()
    return Reversion(run, point, manifest, plan, lost, int(since or 0))


def less(now: Counts, then: Counts) -> dict[str, int]:
    """Return the tables that have more rows now than they had then, and how many more."""
    before, rows = flatten(then), {key: count for key, count in flatten(now).items() if key.startswith(ROWS)}
    more = {key: count - before.get(key, 0) for key, count in rows.items()}
    return {key.removeprefix(ROWS): count for key, count in more.items() if count > 0}


def _where(run: Rollout, point: Savepoint) -> str:
    return f"{run.target.node.name}:{point.path(run.instance)}"


def _bring_back(this: Reversion, run: Rollout) -> str:
    @contextmanager
    def step(label: str) -> Iterator[Step]:
        run.progress(label)
        yield Step(label, None)

    back = safety.keep_there(run.target, this.plan, step=step, say=run.say)
    _, way = arrival.of_archive(_where(run, this.point))

    def switch() -> None:
        try:
            _answers(run)
        except (KraftwerkError, KeyboardInterrupt) as error:
            _forsake(run)
            now = f"the data is that of before already; release {run.left.number} serves with it"
            if isinstance(error, KeyboardInterrupt):
                screen.warn(f"{now} → {back}")
                raise
            raise KraftwerkError(f"{error.cause}\n{now}", next_command=back) from error
        run.unsure = True  # as in cutover.switch, but with this data nobody is led back to the newer release
        slot.switch(run.target.connection, run.instance, run.slot, run.release.number)
        run.switched, run.unsure = True, False

    services = way(run.target, this.plan.services)
    try:
        outcome = load.load(run.target, this.plan, services, back=back, step=step, then=switch)
    except KraftwerkError as error:
        if run.booted and not run.switched and load.UNTOUCHED not in error.cause:
            with suppress(KraftwerkError):  # a node that can't be reached stops it by itself
                _forsake(run)
        raise
    for line in outcome.later[:5]:
        screen.warn(f"{line.service}: {line} since")
    run.say(f"the data of before: {back}")
    return outcome.told


def _forsake(run: Rollout) -> None:
    """Stop the release that came up for the data; as not booted any more, nobody says that nothing was touched."""
    run.booted = False
    slot.stop(run.target.connection, run.instance, run.slot, seconds=3)
    run.unsure = False  # a live one is not stopped


def _answers(run: Rollout) -> None:
    """Pass the gate; one that came up with the other data may have to come up with its own."""
    try:
        gate(run)
    except KraftwerkError:
        boot(run)
        gate(run)
