"""Converge several nodes at once."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from kraftwerk import highstate, saltconf, saltway, screen
from kraftwerk.fleet import bound, foreman
from kraftwerk.fleet.board import Board
from kraftwerk.fleet.foreman import Done
from kraftwerk.highstate import Outcome
from kraftwerk.node import Node
from kraftwerk.screen import OnProgress
from kraftwerk.transport import saltinternals


def converge(
    nodes: Sequence[Node],
    *,
    test: bool = False,
    only: tuple[str, ...] = (),
    project_root: Path | None = None,
    at_once: int | None = None,
    as_json: bool = False,
) -> list[Done[Outcome]]:
    """Apply the highstate to nodes, and print each one's report.

    Args:
        test, only, project_root: as `highstate.converge` takes them.
        at_once: how many at the same time; by default as many as the machine carries.
        as_json: print no reports.
    """
    prepare()

    def task(node: Node, on_progress: OnProgress) -> Outcome:
        return highstate.converge(node, test=test, only=only, project_root=project_root, on_progress=on_progress)

    board = Board([node.name for node in nodes], doing="Testing" if test else "Converging", told=_told, as_json=as_json)
    tasks = {node.name: partial(task, node) for node in nodes}
    return foreman.work(tasks, board, bound.at_once(at_once, heavy=True))


def prepare() -> None:
    """Do once what each worker would do: import Salt, where it is called in process, and write its configuration."""
    if not saltway.is_stock():
        saltinternals.warm()
    saltconf.write()


def _told(outcome: Outcome) -> list[str]:
    *lines, sums = highstate.report(outcome, details=screen.settings.verbosity > 0)
    mark = "✗" if outcome.failed else "✓"
    return [*lines, f"{mark} {sums.removeprefix(f'{outcome.node}: ')}"]


def failed(done: Iterable[Done[Outcome]]) -> list[str]:
    """Return the names of the nodes that weren't converged: they weren't reached, or a state failed."""
    return [each.name for each in done if each.value is None or each.value.failed]
