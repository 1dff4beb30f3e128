"""`kraftwerk backup`: points to come back to, made on the node, kept elsewhere, and tried out."""

import click

from kraftwerk import backup, backupreport, backupschedule, project, replacement, restore, screen, target, throwaway
from kraftwerk.backup import Backups, Point
from kraftwerk.options import (
    complete_nodes,
    environment_option,
    json_option,
    only_option,
    optional_node_argument,
    skip_option,
    yes_option,
)

to_option = click.option("--to", "node", metavar="NODE", shell_complete=complete_nodes, help="The node, if several.")
test_option = click.option("--test", is_flag=True, help="Say what would happen, and change nothing.")


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Make backup points of all data, list, verify and restore them.

    A point is made on the node, as an archive, and kept in a store: a folder of the node, or a bucket elsewhere.
    Without a command: create.
    """
    if context.invoked_subcommand is None:
        context.invoke(create)


@command.command()
@optional_node_argument
@environment_option
@json_option
def create(node: str | None, environment: str, as_json: bool) -> None:
    """Make a point now, on the node."""
    there = target.deployed(project.find(), environment, node)
    with screen.working(f"Backing up {there.instance.name} on {there.node.name}") as step:
        made = backup.create(there, step.progress)
    if as_json:
        screen.emit_json(made)
    else:
        screen.say("\n".join(backupreport.created(made, there.node.name)))


@command.command("list")
@environment_option
@click.option("--node", metavar="NODE", shell_complete=complete_nodes, help="Those of this node only.")
@json_option
def show(environment: str, node: str | None, as_json: bool) -> None:
    """List the points, the newest last; the node needn't exist any more."""
    backups = backup.of(project.find(), environment)
    points = backups.points(node)
    if as_json:
        screen.emit_json([each.as_dict() for each in points])
    elif not points:
        screen.hint(f"There is no point in {backups.backup['store']} yet.", "kraftwerk backup create")
    else:
        screen.table(backupreport.HEADINGS, [backupreport.row(each) for each in points])


@command.command("restore")
@click.argument("point")
@to_option
@environment_option
@only_option
@skip_option
@click.option("--backup/--no-backup", "keep", default=True, help="Keep a safety dump of what is replaced.")
@yes_option
def bring_back(
    point: str, node: str | None, environment: str, only: tuple[str, ...], skip: tuple[str, ...], keep: bool, yes: bool
) -> None:
    """Replace the project's data on a node by that of POINT, such as latest or 20261120T0300.

    It goes the way of `kraftwerk load`: verified, laid beside the old data, compared, swapped in.
    """
    backups, found = _found(environment, point)
    there = target.deployed(backups.project, environment, node)
    origin, held = restore.of_point(found)
    chosen = replacement.chosen(held, only, skip)
    restore.carry_out(backups, found, there, replacement.plan(there, origin, chosen), keep=keep, yes=yes)


@command.command()
@click.argument("point", default=backup.LATEST)
@to_option
@environment_option
@click.option(
    "--on", "place", type=click.Choice([throwaway.WORD]), help="A local node that is made for it, and removed."
)
@json_option
def verify(point: str, node: str | None, environment: str, place: str | None, as_json: bool) -> None:
    """Rehearse a restore of POINT: the newest one, if none is named.

    It is fetched, checked, laid beside the present data, compared with its manifest, and removed again. The present
    data is untouched. With --on throwaway all that happens on a node of its own on this computer.
    """
    backups, found = _found(environment, point)
    with screen.working(f"Verifying {found.name} of {found.node}") as step:
        if place:
            how = throwaway.rehearse(backups, found, step.progress)
        else:
            there = target.deployed(backups.project, environment, node or backups.node_of(found))
            how = restore.rehearse(backups, found, there, step.progress)
    if as_json:
        screen.emit_json(how)
    else:
        screen.say("\n".join(backupreport.rehearsed(how)))


@command.command()
@click.argument("when", required=False)
@environment_option
@click.option("--keep", metavar="POLICY", help="What is kept, such as 7d,4w,12m; or all.")
@click.option(
    "--store", metavar="URL", help="Where: local:/folder, s3://bucket/folder?region=…, gs://, azure://, b2://."
)
@click.option(
    "--verify", type=click.Choice(["off", "daily", "weekly", "monthly"]), help="How often a restore is tried."
)
@test_option
@yes_option
def schedule(when: str | None, environment: str, test: bool, yes: bool, **given: str | None) -> int:
    """Have the node make points by itself: "daily 03:00", hourly, "weekly sunday 03:00", or cron's five fields.

    It is written into pillar/ENVIRONMENT.sls, and brought to the nodes at once. WHEN may be off. Without anything: the
    schedule that there is, or else each night.
    """
    here = project.find()
    known = backup.of(here, environment)
    when = when or known.backup["schedule"] or backupschedule.default(known.instance.name)
    change = backupschedule.plan(here.root, environment, {"store": given.pop("store"), "schedule": when, **given})
    screen.say("\n".join(change.lines()))
    if test or not screen.confirm("Go on?", yes=yes):
        screen.say("Nothing was changed.")
        return 0 if test else 1
    backupschedule.carry_out(change)
    return 0


@command.command()
@environment_option
@test_option
@yes_option
def prune(environment: str, test: bool, yes: bool) -> int:
    """Delete the points that the policy doesn't keep, of all nodes.

    Nodes do it by themselves after each scheduled backup. The newest point is never deleted, nor the newest that was
    verified.
    """
    backups = backup.of(project.find(), environment)
    plan = backup.prune_plan(backups)
    going = [line for line in plan if line["action"] != "keep"]
    screen.table(("POINT", "NODE", "SIZE", "", "WHY"), [backupreport.plan_row(line) for line in plan])
    if not going or test or not screen.confirm(f"Delete {len(going)} of {len(plan)} points?", yes=yes):
        screen.say("Nothing was deleted.")
        return 0 if test or not going else 1
    backup.prune(backups, plan)
    screen.say(f"Deleted {len(going)} points, {len(plan) - len(going)} are kept.")
    return 0


def _found(environment: str, name: str) -> tuple[Backups, Point]:
    backups = backup.of(project.find(), environment)
    return backups, backup.pick(backups.points(), name)
