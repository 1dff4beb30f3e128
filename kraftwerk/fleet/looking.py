"""How instances are on several nodes, looked at at once."""

from collections.abc import Collection, Sequence
from functools import partial

from kraftwerk import screen, status, versions
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import bound, foreman
from kraftwerk.fleet.board import Board
from kraftwerk.instance import Instance, environment_words
from kraftwerk.node import Node
from kraftwerk.screen import OnProgress
from kraftwerk.status import Status


def look(
    places: Sequence[tuple[Node, Instance]],
    *,
    named: bool,
    together: Collection[str] = (),
    at_once: int | None = None,
    as_json: bool = False,
) -> list[Status]:
    """Look at instances on their nodes, and print a line for each, and one where nodes have different versions.

    What can't be reached is a check, too.

    Args:
        named: say the instances' names, too.
        together: the names of nodes that should have the same version; of others it is told if they don't.
        at_once: how many nodes at the same time; by default as many as the machine carries.
        as_json: print no lines.

    Raises:
        KraftwerkError: our own configuration is broken, not a node (code 2).
    """

    def task(node: Node, on_progress: OnProgress) -> list[Status]:
        return status.look(node, [instance for each, instance in places if each.name == node.name])

    def told(found: Sequence[Status]) -> list[str]:
        return [each.line(named=named).removeprefix(f"{each.node}  ") for each in found]

    nodes = {node.name: node for node, _ in places}
    board = Board(list(nodes), doing="Looking", told=told, as_json=as_json)
    tasks = {name: partial(task, node) for name, node in nodes.items()}
    done = foreman.work(tasks, board, bound.at_once(at_once, heavy=False))
    broken = [each.error for each in done if each.error is not None]
    if broken:
        raise KraftwerkError(broken[0].cause, next_command=broken[0].next_command, code=broken[0].code)
    found = [found for each in done for found in each.value or ()]
    environments = {instance.environment for _, instance in places}
    words = environment_words(environments.pop()) if len(environments) == 1 else []
    advice = " ".join(["kraftwerk deploy --all", *words])
    found = versions.judged(found, together, advice)
    for line in [] if as_json else versions.lines(found, advice):
        screen.say(line)
    return found
