"""`kraftwerk start-node`."""

import click

from kraftwerk import balancer, progress, provider, registry, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.options import node_argument
from kraftwerk.transport import Connection


@click.command()
@node_argument
def command(node: str) -> None:
    """Start a local node or a cloud's machine that was stopped, also after this computer was.

    A web node behind a balancer gets visitors again, as soon as its sites answer.
    """
    found = get_node(node)
    if provider.is_powered(found) or not balancer.has_visitors(found):
        with screen.step(f"Starting {node}") as step, progress.told_to(step.progress):
            provider.start(found)
    screen.say("root SSH access is ready.")
    if balancer.has_visitors(found):
        found = get_node(node)  # a cloud may have given it another address
        with screen.step(f"Letting visitors in to {node}"):
            failed = balancer.back(found, registry.sync(Connection(found)).values())
        if failed:
            raise KraftwerkError("\n".join(failed))
