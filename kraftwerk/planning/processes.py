"""Which processes a deploy would start, stop and restart, and which commands of cron it changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kraftwerk.instance import Instance


@dataclass(frozen=True)
class Turnover:
    """What becomes of named commands: those that come, those that go, those that go on as something else.

    Attributes:
        kept: those that go on as they are; as processes they are restarted all the same, with the new code.
        counts: how many there will be of a process, where that isn't one.
    """

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


def processes(before: Instance | None, after: Instance) -> Turnover:
    """Return what becomes of an instance's workers; web isn't among them, as the new one boots beside the old.

    Args:
        before: as the node has it, None where it has none that runs.
    """
    counts = {name: len(after.units_of(name)) for name in after.processes}
    found = _turnover(before.processes if before else {}, after.processes)
    return replace(found, counts={name: count for name, count in counts.items() if count != 1})


def cron(before: Instance | None, after: Instance) -> Turnover:
    """Return what becomes of an instance's scheduled commands.

    Args:
        before: as the node has it, None where it has none that runs.
    """
    return _turnover(before.cron if before else {}, after.cron)


def _turnover(before: Mapping[str, Any], after: Mapping[str, Any]) -> Turnover:
    both = [name for name in after if name in before]
    return Turnover(
        new=tuple(name for name in after if name not in before),
        gone=tuple(name for name in before if name not in after),
        changed=tuple(name for name in both if before[name] != after[name]),
        kept=tuple(name for name in both if before[name] == after[name]),
    )
