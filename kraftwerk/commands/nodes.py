"""`kraftwerk nodes`."""

from dataclasses import asdict

import click

from kraftwerk import provider, screen
from kraftwerk.options import json_option


@click.command()
@json_option
def command(as_json: bool) -> None:
    """List the nodes with their address, provider and status."""
    found = provider.statuses()
    if as_json:
        screen.emit_json([{**asdict(node), "address": node.host, "status": status} for node, status in found])
    elif found:
        rows = [(node.name, node.host, node.provider, status) for node, status in found]
        screen.table(("node", "address", "provider", "status"), rows)
    else:
        screen.hint("There are no nodes yet.", "kraftwerk create-node blue --provider local")
