"""kraftwerk logs: what the project's processes printed."""

import click

from kraftwerk import logs, oneoff, project, target
from kraftwerk.options import environment_option, optional_node_argument


@click.command("logs")
@optional_node_argument
@environment_option
@click.option("--follow", "-f", is_flag=True, help="Go on, until Ctrl-C.")
@click.option(
    "--lines",
    "-n",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    metavar="N",
    help="So many lines of each file.",
)
@click.option("--process", metavar="NAME", default="", help="web, nginx or a worker; all, if not given.")
def command(node: str | None, environment: str, follow: bool, lines: int, process: str) -> None:
    """Show the logs of web, workers and nginx."""
    here = target.deployed(project.find(), environment, node, by="kraftwerk logs NODE")
    paths = logs.files(here.instance, process)
    oneoff.become(here.connection, logs.words(paths, lines=lines, follow=follow))
