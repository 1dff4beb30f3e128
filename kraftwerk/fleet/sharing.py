"""Which nodes share their data: release commands run once for each set of data, and not once for each node."""

from collections.abc import Iterable, Sequence

from kraftwerk.instance import Instance
from kraftwerk.rollout import Rollout
from kraftwerk.service import NODE, URL

NO_DATABASES = {"files", "memcached", "redis"}  # no release command changes their schema
Key = tuple[tuple[str, str], ...]


def leaders(runs: Iterable[Rollout]) -> dict[str, str]:
    """Return for each node the one, by name, that runs release commands for it: the first that has the same data."""
    first: dict[Key, str] = {}
    return {name: first.setdefault(key(run.instance, name), name) for run in runs for name in [run.target.node.name]}


def key(instance: Instance, node: str) -> Key:
    """Return what tells the data of an instance on a node from others': where its databases live.

    Without any, its own files may hold one (SQLite); without these, nothing on the node is changed by commands.
    """
    names = [name for name in instance.services if name not in NO_DATABASES]
    if not names:
        names = [name for name in instance.services if name == "files"]
    return tuple((name, _place(instance, name, node)) for name in sorted(names))


def _place(instance: Instance, name: str, node: str) -> str:
    given = instance.options.get(name, {})
    return str(given.get(URL) or given.get(NODE) or node)


def waves(runs: Sequence[Rollout], batch: int | None) -> list[list[Rollout]]:
    """Return who is deployed to at the same time: one alone, then who else leads, then those that are led.

    Of two that lead and have one of their databases in common, one comes after the other.

    Args:
        batch: how many at the same time after the first; None is all of a kind.
    """
    by, levels = leaders(runs), _levels(runs)
    led = max(levels.values(), default=0) + 1
    kinds: dict[int, list[Rollout]] = {}
    for run in runs[1:]:
        name = run.target.node.name
        kinds.setdefault(levels[name] if by[name] == name else led, []).append(run)
    return [list(runs[:1]), *(wave for kind in sorted(kinds) for wave in _split(kinds[kind], batch))]


def _levels(runs: Iterable[Rollout]) -> dict[str, int]:
    """Return for each node after how many others that have a database of it release commands may run there."""
    made: dict[tuple[str, str], int] = {}  # the level that a database is migrated at first
    found = {}
    for run in runs:
        name, databases = run.target.node.name, key(run.instance, run.target.node.name)
        found[name] = 1 + max((made[each] for each in databases if each in made), default=-1)
        for each in databases:
            made.setdefault(each, found[name])
    return found


def _split(runs: list[Rollout], batch: int | None) -> list[list[Rollout]]:
    size = batch or len(runs) or 1
    return [runs[start : start + size] for start in range(0, len(runs), size)]
