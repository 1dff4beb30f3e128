"""Which node a site is meant for, on the server itself and on an admin's computer alike."""

from collections.abc import Callable

from kraftwerk import here
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import HERE, Node, all_nodes, get_node


def choose(wanted: str, agree: Callable[[str], bool]) -> Node:
    """Return the node that a new site is meant for.

    Args:
        wanted: its name, `here` for this computer; else the computer's own node, or the only one that there is.
        agree: asks whether this computer, which serves nothing yet, shall.

    Raises:
        KraftwerkError: there are several; there is none, and this computer shall not be one (code 2).
    """
    if wanted == HERE:
        return here.register()
    if wanted:
        return get_node(wanted)
    nodes = all_nodes()
    if (this := here.find()) is not None:
        return this
    if len(nodes) > 1:
        cause = f"which node is meant? there are {', '.join(sorted(nodes))}"
        raise KraftwerkError(cause, next_command="--on NODE; --on here is this computer itself", code=2)
    if nodes:
        return next(iter(nodes.values()))
    if agree(f"There is no node yet. Shall this computer, {here.name()}, serve sites (nginx, runit, databases)?"):
        return here.register()
    raise KraftwerkError("there is no node yet", next_command="kraftwerk create-node, or mksite --on here", code=2)
