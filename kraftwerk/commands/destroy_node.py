"""`kraftwerk destroy-node`."""

import click

from kraftwerk import local, screen
from kraftwerk.options import yes_option


@click.command()
@click.argument("name")
@yes_option
def command(name: str, yes: bool) -> None:
    """Remove a node with everything on it."""
    screen.confirm_name(f"{name} and everything on it will be removed.", name, yes=yes)
    local.destroy(name)
