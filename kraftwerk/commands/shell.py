"""kraftwerk shell: bash in the project on its node."""

import click

from kraftwerk import oneoff, project, target
from kraftwerk.options import environment_option, optional_node_argument


@click.command("shell")
@optional_node_argument
@environment_option
@click.option("--as", "user", type=click.Choice([oneoff.ROOT, oneoff.WEB]), help="Instead of as the project's user.")
def command(node: str | None, environment: str, user: str | None) -> None:
    """Open a shell on the node, in the project's live release, with its virtualenv and environment."""
    find = target.resolve if user == oneoff.ROOT else target.deployed
    here = find(project.find(), environment, node, by="kraftwerk shell NODE")
    oneoff.become(here.connection, oneoff.shell(here.instance, user or oneoff.PROJECT))
