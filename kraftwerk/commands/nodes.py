"""`kraftwerk nodes`."""

import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kraftwerk import provider, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import json_option

if TYPE_CHECKING:
    from kraftwerk.orphan import Orphan


@click.command()
@click.option("--orphans", is_flag=True, help="List machines in clouds that cost money and are no nodes.")
@json_option
def command(orphans: bool, as_json: bool) -> None:
    """List the nodes with their address, provider and status.

    With --orphans, list machines in clouds whose creation was begun and not finished, and those that carry
    kraftwerk's mark and are in no list of nodes here, each with the command that finishes or destroys it. The exit
    code is 1 when there are any that nobody is busy with, or when a cloud doesn't answer.
    """
    if orphans:
        _orphans(as_json)
        return
    with screen.working("Asking the nodes"):
        found, errors = provider.statuses()
    _warn(errors.values())
    if as_json:
        screen.emit_json([{**asdict(node), "address": node.host, "status": status} for node, status in found])
    elif found:
        rows = [(node.name, node.host, node.provider, status) for node, status in found]
        screen.table(("node", "address", "provider", "status"), rows)
    else:
        screen.hint("There are no nodes yet.", "kraftwerk create-node blue --provider local")


def _orphans(as_json: bool) -> None:
    from kraftwerk import orphan

    with screen.working("Asking the clouds"):
        found, seen = orphan.all_orphans()
    _warn(seen.errors.values())
    if as_json:
        screen.emit_json([asdict(each) for each in found])
    elif found:
        columns = ("node", "provider", "machine", "address", "state", "begun")
        keys = ("name", "provider", "machine", "address", "state", "created")
        screen.table(columns, [[str(getattr(each, key)) or "-" for key in keys] for each in found])
        for each in found:
            _advise(each)
    elif not seen.errors:
        asked = ", ".join(seen.machines) or "no cloud was added"
        screen.say(f"No machine is lost ({asked}).")
    sys.exit(1 if seen.errors or not all(each.being_made for each in found) else 0)


def _advise(this: "Orphan") -> None:
    if this.being_made:
        return
    if this.finish:
        screen.say(f"To finish {this.name}:   {this.finish}")
    if not this.created:
        screen.say(f"{this.name} carries kraftwerk's mark and was not begun here: it may be a colleague's.")
    screen.say(f"To {'destroy' if this.exists else 'forget'} {this.name}:  {this.destroy}")


def _warn(errors: Iterable[KraftwerkError]) -> None:
    for error in errors:
        screen.warn(str(error))
