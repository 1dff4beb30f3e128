"""`kraftwerk stop-node`."""

import click

from kraftwerk import balancer, progress, provider, registry, screen
from kraftwerk.node import get_node
from kraftwerk.options import node_argument, yes_option


@click.command()
@node_argument
@yes_option
def command(node: str, yes: bool) -> int:
    """Power a local node or a cloud's machine off; its files stay.

    A web node behind a balancer gets no new visitors first, and time for what is open; start-node lets them in again.
    On a server that was adopted that is all. It asks only where the node is a balancer itself.

    A local node keeps its address. Most clouds charge for a machine that is off, and some give it another address.
    """
    found = get_node(node)
    question = balancer.consequence(registry.instances(found).values())
    if question and not screen.confirm(f"{question} Stop {node}?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    stops = provider.is_powered(found) or not balancer.has_visitors(found)
    doing = "Stopping" if stops else "Taking visitors from"
    with screen.step(f"{doing} {node}") as step, progress.told_to(step.progress):
        balancer.take_out(found)
        if stops:
            provider.stop(found)
    screen.hint(f"{node} {'is stopped' if stops else 'gets no visitors'}.", f"kraftwerk start-node {node}")
    return 0
