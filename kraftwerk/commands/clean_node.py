"""Remove what kraftwerk and Salt keep on nodes: engine, caches, left-overs. Sites and data stay."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict

import click

from kraftwerk import cleaning, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, get_node
from kraftwerk.options import complete_nodes, json_option, yes_option
from kraftwerk.screen import Step


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
    if as_json and not (yes or test):
        raise KraftwerkError("--json asks no question", next_command="--yes, or --test", code=2)
    found = [cleaning.look(get_node(name)) for name in nodes]
    if not as_json:
        for kept in found:
            screen.say(f"{kept.node}: {kept.text() or 'nothing is there'}")
    full = [kept.node for kept in found if kept.text()]
    removes = bool(full) and not test and screen.confirm("Remove it?", yes=yes)
    removed = [_remove(get_node(name), screen.working if as_json else screen.step) for name in full] if removes else []
    if as_json:
        screen.emit_json([asdict(kept) for kept in (found if test else removed)])
    elif removed:
        screen.hint("Sites and data stay.", f"kraftwerk highstate {full[0]}")


def _remove(node: Node, shown: Callable[[str], AbstractContextManager[Step]]) -> cleaning.Kept:
    with shown(f"Cleaning {node.name}"):
        return cleaning.remove(node)
