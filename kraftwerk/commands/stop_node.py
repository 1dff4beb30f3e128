"""`kraftwerk stop-node`."""

import click

from kraftwerk import progress, provider, screen
from kraftwerk.node import get_node
from kraftwerk.options import node_argument


@click.command()
@node_argument
def command(node: str) -> None:
    """Power a local node or a cloud's machine off; its files stay.

    A local node keeps its address. Most clouds charge for a machine that is off, and some give it another address.
    """
    found = get_node(node)
    with screen.step(f"Stopping {node}") as step, progress.told_to(step.progress):
        provider.stop(found)
    screen.hint(f"{node} is stopped.", f"kraftwerk start-node {node}")
