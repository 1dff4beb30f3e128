"""`kraftwerk start-node`."""

import click

from kraftwerk import progress, provider, screen
from kraftwerk.node import get_node
from kraftwerk.options import node_argument


@click.command()
@node_argument
def command(node: str) -> None:
    """Start a local node or a cloud's machine that was stopped, also after this computer was."""
    found = get_node(node)
    with screen.step(f"Starting {node}") as step, progress.told_to(step.progress):
        provider.start(found)
    screen.say("root SSH access is ready.")
