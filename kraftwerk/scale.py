"""How many processes of each kind a node runs, where somebody wants other than kraftwerk.yaml says.

It stands in the node's registry, so that deploys keep it, whoever makes them; `auto` takes it away again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kraftwerk import health, highstate, lock, registry, slot, steady
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target, not_deployed
from kraftwerk.workers import MOST, WEB

AUTO = "auto"
WEB_MOST = 512


@dataclass(frozen=True)
class Row:
    """How many processes of a kind run on a node, how many shall, and whether somebody scaled them."""

    node: str
    name: str
    running: int
    wanted: int
    scaled: bool

    def cells(self) -> list[str]:
        """Return it as the cells of a table."""
        said = "kraftwerk scale" if self.scaled else "chosen" if self.name == WEB else "kraftwerk.yaml"
        return [self.node, self.name, f"{self.running}/{self.wanted}", said]


def parse(words: Sequence[str], instance: Instance) -> dict[str, int | None]:
    """Return how many of each kind are wanted, by `web=4 mail=2`; None for what `auto` says.

    Raises:
        KraftwerkError: that isn't what they say (code 2).
    """
    known, found = [WEB, *instance.processes], dict[str, int | None]()
    for word in words:
        name, _, count = word.partition("=")
        if name not in known:
            raise KraftwerkError(f"no process is called {name}; there are {', '.join(known)}", code=2)
        least, most = (1, WEB_MOST) if name == WEB else (0, MOST)
        if count != AUTO and not (count.isdecimal() and least <= int(count) <= most):
            raise KraftwerkError(f"{word}: must be {name}=NUMBER, {least} to {most}, or {name}={AUTO}", code=2)
        found[name] = None if count == AUTO else int(count)
    return found


def wanted(instance: Instance, change: Mapping[str, int | None]) -> Instance:
    """Return an instance as it shall be scaled."""
    scale = {**instance.scale, **change}
    return replace(instance, scale={name: count for name, count in sorted(scale.items()) if count is not None})


def words(there: Target, change: Mapping[str, int | None]) -> str:
    """Return in words what would change."""
    changes = (f"{name} {_said(there.instance, name)} → {_count(count)}" for name, count in change.items())
    return f"{there.node.name}  {there.instance.name}: {', '.join(changes)}"


def apply(there: Target, change: Mapping[str, int | None], root: Path, on_progress: OnProgress) -> None:
    """Scale an instance on its node, now and for deploys to come. No request fails; who has to go may finish.

    Raises:
        KraftwerkError: it isn't deployed there, somebody else is at work, or a new worker doesn't stay up.
    """
    name, connection = there.instance.name, there.connection
    with lock.held(connection, name, wait=3):
        before = registry.sync(connection).get(name)
        if before is None or not before.present:
            raise not_deployed(there)
        after = wanted(before, change)
        outcome = highstate.converge(there.node, after, project_root=root, on_progress=on_progress)
        if outcome.failed:
            raise KraftwerkError(highstate.failures(outcome), next_command=f"kraftwerk highstate {there.node.name}")
        if WEB in change:
            slot.resize(connection, after)
        new = tuple(unit for unit in after.units if unit not in before.units)
        steady.restart(connection, after, new)
        unsteady = steady.look(connection, after, new)
    if unsteady:
        raise KraftwerkError(steady.told(unsteady), next_command=steady.advice(after, unsteady[0]))


def table(there: Target) -> list[Row]:
    """Return how many processes of each kind run.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    seen, instance = health.look(there.node, deep=True), there.instance
    if seen.unreachable:
        raise KraftwerkError(seen.unreachable, next_command=seen.advice)
    running = {each.name for each in seen.processes if each.instance == instance.name and each.state == "run"}
    rows = [Row(there.node.name, WEB, *seen.workers.get(instance.name, (0, 0)), WEB in instance.scale)]
    for name in instance.processes:
        units = instance.units_of(name)
        rows.append(Row(there.node.name, name, len(running & {*units}), len(units), name in instance.scale))
    return rows


def _said(instance: Instance, name: str) -> Any:
    if name == WEB:
        return instance.scale.get(WEB) or instance.workers or AUTO
    return len(instance.units_of(name))


def _count(count: int | None) -> str:
    return AUTO if count is None else str(count)
