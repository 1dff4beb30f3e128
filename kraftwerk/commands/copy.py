"""`kraftwerk copy`: all data of a project from one environment to another."""

from typing import Any

import click

from kraftwerk import copy, project
from kraftwerk.options import complete_environments, complete_nodes, only_option, skip_option, yes_option


@click.command()
@click.option(
    "--from",
    "source",
    metavar="NAME",
    shell_complete=complete_environments,
    default="production",
    show_default=True,
    help="The environment that is copied.",
)
@click.option(
    "--to", "into", metavar="NAME", shell_complete=complete_environments, required=True, help="Whose data is replaced."
)
@click.option("--from-node", metavar="NODE", shell_complete=complete_nodes, help="Where the first is, if on several.")
@click.option("--to-node", metavar="NODE", shell_complete=complete_nodes, help="Where the second is, if on several.")
@only_option
@skip_option
@click.option("--backup/--no-backup", default=True, help="Keep a safety dump on the node.", show_default=True)
@click.option(
    "--anonymize/--no-anonymize",
    "harmless",
    default=True,
    help="Run what stands below `anonymize:`.",
    show_default=True,
)
@yes_option
def command(source: str, into: str, from_node: str | None, to_node: str | None, **choice: Any) -> None:
    """Replace the data of one environment by a copy of another's.

    It goes from node to node through this computer's memory, never its disk. What stands below `anonymize:` in
    kraftwerk.yaml is run on the copy before anybody can reach it; not where the copy goes into production.
    """
    here = project.find()
    copy.carry_out(here, (source, from_node), (into, to_node), copy.Choice(**choice))
