"""The plan as it is printed: a few lines, and more of each where somebody asks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kraftwerk import highstate
from kraftwerk.highstate import Outcome
from kraftwerk.planning.processes import Turnover

if TYPE_CHECKING:
    from kraftwerk.plan import Plan

NAMED = 3  # migrations, and commands of a kind, that a line names
WIDTH = 9  # of the first column
Row = tuple[str, str]


def lines(plan: "Plan") -> list[str]:
    """Return the plan in a few lines."""
    body = [f"  {name:<{WIDTH}} {text}" for name, text in _rows(plan) if text]
    last = f"  {'release':<{WIDTH}} {_release(plan).ljust(40)} downtime: {'; '.join(plan.downtime) or 'none'}"
    return [_title(plan), *body, last]


def more(plan: "Plan") -> list[str]:
    """Return all that the plan knows: each state's changes, each commit, file, package and migration."""
    return [line for title, body in _sections(plan) if body for line in [title, *(f"  {each}" for each in body)]]


def areas(outcome: Outcome) -> tuple[str, ...]:
    """Return what the changing states model, in their order: `services.postgres` is postgres, `nginx.config` nginx."""
    names = [result.sls.removeprefix("services.").split(".")[0] for result in outcome.changed]
    return tuple(dict.fromkeys(name for name in names if name))


def staying(left: Mapping[str, str]) -> list[str]:
    """Return what is to be known of data that stays behind: a line for each service."""
    how = "to take it along: kraftwerk dump before this, kraftwerk load after it"
    return [f"{name} stays where it is, {where}; {how}" for name, where in left.items()]


def _title(plan: "Plan") -> str:
    return f"Plan for {plan.instance} → {plan.node} ({plan.environment})"


def _rows(plan: "Plan") -> Iterator[Row]:
    for each in plan.others:
        yield each.node, _states(each)
    yield "node", _states(plan.outcome)
    for line in _packages(plan):
        yield "packages", line
    yield "wheels", plan.wheels
    if not plan.first:
        yield "code", ", ".join(plan.code.words())
    elif doubts := plan.code.doubts():
        yield "code", ", ".join(doubts)
    yield "database", "; ".join(filter(None, [f"create {plan.database}" if plan.database else "", _migrations(plan)]))
    for line in staying(plan.left):
        yield "data", f"of {line}"
    yield "balancer", plan.balancer
    yield "cdn", plan.cdn
    words = {"new": "start", "changed": "restart changed", "kept": "restart", "gone": "stop"}
    if plan.room is not None and not plan.room.fits:
        yield "memory", plan.room.words
    if plan.first and plan.choices:
        yield "web", str(plan.choices[0])
    yield "processes", _turnover(plan.processes, words)
    if plan.scale:
        scaled = ", ".join(f"{name} {count}" for name, count in plan.scale.items())
        yield "scaled", f"{scaled} (by kraftwerk scale on {plan.node})"
    yield "cron", _turnover(plan.cron, {"new": "add", "changed": "change", "gone": "remove"})


def _states(outcome: Outcome) -> str:
    count = len(outcome.changed)
    if not count:
        return "nothing to change"
    return f"{count} state{'' if count == 1 else 's'} to change ({', '.join(areas(outcome))})"


def _packages(plan: "Plan") -> list[str]:
    if plan.packages is None:
        return [plan.packages_unknown]
    return plan.packages.lines(first=plan.named_packages) or ["nothing to change"]


def _migrations(plan: "Plan") -> str:
    if plan.migrations is None:
        return "migrations are told by the new release"
    count = len(plan.migrations)
    named = f": {', '.join(plan.migrations)}" if count <= NAMED else ""
    told = f"{count} migration{'' if count == 1 else 's'}{named}" if count else ""
    return "; ".join(filter(None, [told, plan.migrations_unknown]))


def _turnover(found: Turnover, words: Mapping[str, str]) -> str:
    names = {kind: [_counted(name, found) for name in getattr(found, kind)] for kind in words}
    return " · ".join(f"{words[kind]} {_named(each)}" for kind, each in names.items() if each)


def _counted(name: str, found: Turnover) -> str:
    return f"{name} ×{found.counts[name]}" if name in found.counts else name


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _release(plan: "Plan") -> str:
    commit = plan.release.version if plan.release.commit else ""
    words = [str(plan.release.number), "(first)" if plan.first else "", commit]
    return " ".join(filter(None, words))


def _sections(plan: "Plan") -> Iterator[tuple[str, Iterable[str]]]:
    for outcome in (*plan.others, plan.outcome):
        if outcome.changed:
            yield f"States of {outcome.node}", [line.removeprefix("  ") for line in highstate.report(outcome)[:-1]]
    if plan.packages is not None:
        yield "Packages", plan.packages.lines(first=plan.named_packages, limit=None)
    yield "Commits since the live release", plan.code.commits or ()
    if plan.code.files is not None:
        kinds = {"~": plan.code.files.changed, "+": plan.code.files.added, "-": plan.code.files.removed}
        yield "Files", [f"{mark} {name}" for mark, names in kinds.items() for name in names]
    yield "Migrations", plan.migrations or ()
    yield "Release commands", plan.commands
    yield "Web", [*map(str, plan.choices), *filter(None, [plan.room.words if plan.room else ""])]
    for title, found in (("Processes", plan.processes), ("Cron", plan.cron)):
        kinds = {"+": found.new, "~": found.changed, "-": found.gone, "=": found.kept}
        yield title, [f"{mark} {_counted(name, found)}" for mark, names in kinds.items() for name in names]
