"""Remove what kraftwerk and Salt keep on nodes: engine, caches, left-overs. Sites and data stay."""

from dataclasses import asdict

import click

from kraftwerk import cleaning, screen
from kraftwerk.node import Node, get_node
from kraftwerk.options import complete_nodes, json_option, yes_option


@click.command(short_help="Remove Salt's engine and caches from nodes; sites and data stay.")
@click.argument("nodes", shell_complete=complete_nodes, nargs=-1, required=True, metavar="NODE...")
@click.option("--test", is_flag=True, help="Change nothing; show what would be removed.")
@yes_option
@json_option
def command(nodes: tuple[str, ...], test: bool, yes: bool, as_json: bool) -> None:
    """Remove from nodes what kraftwerk and Salt keep there to be quick: the engine, caches, left-overs.

    Sites, data, packages and the projects' registry stay, and the next command sends again what it needs. For a server
    that kraftwerk shall leave, or where something is wrong that nobody understands.
    """
    found = [cleaning.look(get_node(name)) for name in nodes]
    if as_json and test:
        screen.emit_json([asdict(kept) for kept in found])
        return
    for kept in found:
        screen.say(f"{kept.node}: {kept.text() or 'nothing is there'}")
    full = [kept.node for kept in found if kept.text()]
    if test or not full or not screen.confirm("Remove it?", yes=yes):
        return
    removed = [_remove(get_node(name)) for name in full]
    if as_json:
        screen.emit_json([asdict(kept) for kept in removed])
        return
    screen.hint("Sites and data stay.", f"kraftwerk highstate {full[0]}")


def _remove(node: Node) -> cleaning.Kept:
    with screen.step(f"Cleaning {node.name}"):
        return cleaning.remove(node)
