"""`kraftwerk create-node`."""

import click

from kraftwerk import admin, local, localbase, screen
from kraftwerk.options import yes_option


@click.command()
@click.argument("name")
@click.option("--provider", default="local", show_default=True, help="Who runs the node.")
@click.option("--release", type=click.Choice(localbase.RELEASES), default="bookworm", show_default=True)
@yes_option
def command(name: str, provider: str, release: str, yes: bool) -> None:
    """Create a node with root SSH access."""
    admin.ensure()
    with screen.step(f"Creating local node {name}"):
        local.create(name, release=release)
    screen.hint("root SSH access is now ready.", "kraftwerk init mysite --template django")
