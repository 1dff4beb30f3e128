"""kraftwerk rmsite: remove a site."""

import click

from kraftwerk import removal, screen
from kraftwerk.options import complete_nodes, yes_option
from kraftwerk.site import record, removing
from kraftwerk.site.removing import Leaving


@click.command("rmsite")
@click.argument("name")
@click.option("--on", "node", default="", metavar="NODE", shell_complete=complete_nodes, help="The node that has it.")
@click.option("--keep-source", is_flag=True, help="Leave the project's folder.")
@click.option("--keep-data", is_flag=True, help="Leave tables, uploaded files, database and owner.")
@yes_option
def command(name: str, node: str, keep_source: bool, keep_data: bool, yes: bool) -> None:
    """Remove the site NAME: what mksite created, and of the rest what you say.

    It stops being served, whatever is answered: its processes and its site in nginx go, and what stood aside there
    comes back. Then it asks about the source, the tables, the database and the owner, in that order. --yes removes
    all of it.
    """
    site = removing.find(name, node)
    removing.check(site)
    if site.there:
        found = removal.look(site.there)
        screen.say("\n".join(found.lines(site.node.name)))
        screen.confirm_name(found.warning(site.node.name), name, yes=yes)
    source = _source(site, keep_source, yes)
    owner = site.there is None
    if site.there:
        parts = removal.choose(found.instance, lambda question: screen.confirm(question, yes=yes), keep_data)
        with screen.step(f"Removing {', '.join(parts)}") as step:
            removal.remove(site.there, found.instance, parts, site.folder or removing.NOWHERE, step.progress)
        owner = removal.OWNER in parts
    if source:
        with screen.step(f"Removing {site.folder}"):
            removing.remove_source(site)
    if owner:
        record.forget(name, site.node.name)
        screen.say(f"{name} is gone from {site.node.name}." + _left(site, source))
    else:
        screen.hint(
            f"{name} is not served any more; what was not named stays.", f"kraftwerk rmsite {name} removes more"
        )


def _source(site: Leaving, keep: bool, yes: bool) -> bool:
    """Ask whether the project's folder shall go."""
    return site.folder is not None and not keep and screen.confirm(f"Remove the project {site.folder}?", yes=yes)


def _left(site: Leaving, removed: bool) -> str:
    return f" Its project stays: {site.folder}" if site.folder and not removed else ""
