"""`kraftwerk destroy-node`."""

import click

from kraftwerk import provider, screen
from kraftwerk.node import get_node
from kraftwerk.options import node_argument, yes_option


@click.command()
@node_argument
@yes_option
def command(node: str, yes: bool) -> None:
    """Remove a local node with everything on it; forget a server that was adopted."""
    found = get_node(node)
    if found.provider == "local":
        consequence = f"{node} ({found.host}) and everything on it will be removed."
    else:
        consequence = f"{node} ({found.host}) will be forgotten; nothing is changed on it."
    screen.confirm_name(consequence, node, yes=yes)
    with screen.step(f"Removing {node}"):
        provider.destroy(found)
