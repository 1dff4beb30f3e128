"""`kraftwerk stop-node`."""

import click

from kraftwerk import provider, screen
from kraftwerk.node import get_node
from kraftwerk.options import node_argument


@click.command()
@node_argument
def command(node: str) -> None:
    """Power a local node off; its files and its address stay."""
    found = get_node(node)
    with screen.step(f"Stopping {node}"):
        provider.stop(found)
    screen.hint(f"{node} is stopped.", f"kraftwerk start-node {node}")
