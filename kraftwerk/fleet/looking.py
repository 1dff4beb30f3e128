"""How instances are on several nodes, looked at at once; once, or again and again."""

import sys
import time
from collections.abc import Collection, Sequence
from functools import partial

import click

from kraftwerk import moment, screen, status, versions
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import bound, foreman
from kraftwerk.fleet.board import Board
from kraftwerk.instance import Instance, environment_words
from kraftwerk.node import Node
from kraftwerk.screen import OnProgress
from kraftwerk.status import Status

PAUSE = 2  # seconds between two looks of those who watch


def look(
    places: Sequence[tuple[Node, Instance]],
    *,
    named: bool,
    together: Collection[str] = (),
    at_once: int | None = None,
    as_json: bool = False,
) -> list[Status]:
    """Look at instances on their nodes, and print a line for each, and one where nodes have different versions.

    What can't be reached is a check, too. What is wrong beyond the line stands below it; with -v, all that was seen.

    Args:
        named: say the instances' names, too.
        together: the names of nodes that should have the same version; of others it is told if they don't.
        at_once: how many nodes at the same time; by default as many as the machine carries.
        as_json: print no lines.

    Raises:
        KraftwerkError: our own configuration is broken, not a node (code 2).
    """
    whole = screen.settings.verbosity > 0

    def told(found: Sequence[Status]) -> list[str]:
        return lines(found, named=named, whole=whole)

    board = Board(list(_nodes(places)), doing="Looking", told=told, as_json=as_json)
    found, mixed = _look(places, board, together, at_once)
    for line in [] if as_json else mixed:
        screen.say(line)
    return found


def watch(
    places: Sequence[tuple[Node, Instance]], *, named: bool, together: Collection[str] = (), at_once: int | None = None
) -> list[Status]:
    """Look again and again and print all that is seen, until Ctrl-C, or until nobody reads it; return the last.

    Args:
        named, together, at_once: as for `look`.

    Raises:
        KraftwerkError: as `look`.
    """
    nodes = _nodes(places)
    width = max(map(len, nodes), default=0)
    while True:
        board = Board(list(nodes), doing="Looking", as_json=True)  # prints nothing: the page comes at once
        found, mixed = _look(places, board, together, at_once)
        page = [moment.shown(time.time())]
        for name in nodes:
            of_node = lines([each for each in found if each.node == name], named=named, whole=True)
            page += [f"{name.ljust(width)}  {line}" for line in of_node]
        if sys.stdout.isatty():
            click.clear()
        for line in [*page, *mixed]:
            screen.say(line)
        sys.stdout.flush()
        if not screen.is_read():
            return found
        time.sleep(PAUSE)


def lines(found: Sequence[Status], *, named: bool, whole: bool) -> list[str]:
    """Return what is told of a node, without its name: a line for each of its sites, what is below it, and of itself.

    Args:
        named: say the instances' names, too.
        whole: all that was seen, not only what is wrong.
    """
    told = []
    for each in found:
        told += [each.line(named=named).removeprefix(f"{each.node}  "), *(f"  {line}" for line in each.below(whole))]
    return [*told, *(f"  {line}" for each in found[:1] for line in each.of_machine(whole))]


def _nodes(places: Sequence[tuple[Node, Instance]]) -> dict[str, Node]:
    return {node.name: node for node, _ in places}


def _look(
    places: Sequence[tuple[Node, Instance]], board: Board, together: Collection[str], at_once: int | None
) -> tuple[list[Status], list[str]]:
    """Return how instances are, and a line where nodes have different versions of one."""

    def task(node: Node, on_progress: OnProgress) -> list[Status]:
        return status.look(node, [instance for each, instance in places if each.name == node.name])

    tasks = {name: partial(task, node) for name, node in _nodes(places).items()}
    done = foreman.work(tasks, board, bound.at_once(at_once, heavy=False))
    broken = [each.error for each in done if each.error is not None]
    if broken:
        raise KraftwerkError(broken[0].cause, next_command=broken[0].next_command, code=broken[0].code)
    found = [found for each in done for found in each.value or ()]
    environments = {instance.environment for _, instance in places}
    words = environment_words(environments.pop()) if len(environments) == 1 else []
    advice = " ".join(["kraftwerk deploy --all", *words])
    found = versions.judged(found, together, advice)
    return found, versions.lines(found, advice)
