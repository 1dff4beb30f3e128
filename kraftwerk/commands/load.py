"""`kraftwerk load`: all data of a project from one file."""

import click

from kraftwerk import anonymize, arrival, load, lock, project, replacement, safety, screen, target
from kraftwerk.options import complete_nodes, environment_option, only_option, skip_option, wait_option, yes_option


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--to", "node", metavar="NODE", shell_complete=complete_nodes, help="The node, if there are several.")
@environment_option
@only_option
@skip_option
@click.option("--backup/--no-backup", default=True, help="Keep a safety dump of what is replaced.", show_default=True)
@click.option("--anonymize", "harmless", is_flag=True, help="Run what stands below `anonymize:` before it is live.")
@wait_option
@yes_option
def command(
    file: str,
    node: str | None,
    environment: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    backup: bool,
    harmless: bool,
    wait: int,
    yes: bool,
) -> None:
    """Replace the project's data on a node by an archive's.

    FILE is an archive here, or NODE:PATH, one that a node keeps. It is verified before anything is touched, and what is
    there now is kept in a safety dump. The new data is laid beside the old, compared with the manifest, and swapped in
    while requests wait. Until then a load that fails changes nothing.
    """
    here = project.find()
    with screen.step("verify"):
        manifest, way = arrival.of_archive(file)
    there = target.resolve(here, environment, node, by=f"kraftwerk load {file} --to NODE")
    with lock.held(there.connection, there.instance.name, wait=wait):
        origin, held = replacement.of_archive(manifest)
        plan = replacement.plan(there, origin, replacement.chosen(held, only, skip))
        hooks, note = anonymize.asked(here.root, there.instance, plan, harmless)
        replacement.confirm(plan, kept=backup, yes=yes, note=note)
        back = safety.keep(there, plan) if backup else ""
        outcome = load.load(there, plan, way(there, plan.services), back=back, hooks=hooks)
    load.tell(outcome, back)
