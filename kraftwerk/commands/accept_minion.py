"""`kraftwerk accept-minion`."""

import click

from kraftwerk import minion, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.options import node_argument


@click.command("accept-minion", short_help="Have the reactor's Salt master drive a node.")
@node_argument
def command(node: str) -> None:
    """Have the reactor's Salt master accept the minion of a node, which a highstate has put there.

    The minion's public key is read over ssh, so that there is no fingerprint to compare. See docs/master.md.
    """
    with screen.step(f"Accepting the key of {node}'s minion"):
        minion.accept(get_node(node))
    with screen.step(f"Waiting for {node}'s minion"):
        if not minion.answers(node):
            look = f"kraftwerk run --node {node} --as root -- journalctl -u kraftwerk-minion"
            raise KraftwerkError(f"the minion of {node} doesn't answer", next_command=look)
    screen.hint(f"The Salt master drives {node} now.", f"salt {node} test.ping")
