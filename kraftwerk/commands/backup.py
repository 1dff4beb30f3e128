"""`kraftwerk backup`: points to come back to, made on the node, kept elsewhere, and tried out."""

import click

from kraftwerk import backup, backupreport, backupschedule, cadence, options, project, replacement, restore, screen
from kraftwerk import target as targets
from kraftwerk import throwaway as spare
from kraftwerk.verbgroup import VerbGroup

to_option = click.option(
    "--to", "node", metavar="NODE", shell_complete=options.complete_nodes, help="The node, if several."
)
test_option = click.option("--test", is_flag=True, help="Say what would happen, and change nothing.")


@click.group(cls=VerbGroup, usual="create")
def command() -> None:
    """Make backup points of all data, list, verify and restore them.

    A point is made on the node and kept in a store: a folder of the node, or a bucket elsewhere. Where no COMMAND is
    named, it is create: `kraftwerk backup`, `kraftwerk backup blue`.
    """


@command.command()
@options.optional_node_argument
@options.environment_option
@options.json_option
def create(node: str | None, environment: str, as_json: bool) -> None:
    """Make a point now, on the node."""
    there = targets.deployed(project.find(), environment, node, by="kraftwerk backup create NODE")
    with screen.working(f"Backing up {there.instance.name} on {there.node.name}") as step:
        made = backup.create(there, step.progress)
    if as_json:
        screen.emit_json(made)
    else:
        screen.say("\n".join(backupreport.created(made, there.node.name)))


@command.command("list")
@options.environment_option
@options.json_option
def show(environment: str, as_json: bool) -> None:
    """List the points, the newest last; the node needn't exist any more."""
    backups = backup.of(project.find(), environment)
    points = backups.points()
    if as_json:
        screen.emit_json([each.as_dict() for each in points])
    elif not points:
        screen.hint(f"There is no point in {backups.backup['store']} yet.", "kraftwerk backup create")
    else:
        screen.table(backupreport.HEADINGS, [backupreport.row(each) for each in points])


@command.command("restore")
@click.argument("point")
@to_option
@options.environment_option
@options.only_option
@options.skip_option
@click.option("--backup/--no-backup", "keep", default=True, help="Keep a safety dump of what is replaced.")
@options.yes_option
def bring_back(point: str, node: str | None, environment: str, keep: bool, yes: bool, **named: tuple[str, ...]) -> None:
    """Replace the project's data on a node by that of POINT, such as latest or 20261120T0300.

    It goes the way of `kraftwerk load`: verified, laid beside the old data, compared, swapped in.
    """
    backups = backup.of(project.find(), environment)
    found = backup.pick(backups.points(), point)
    there = targets.deployed(backups.project, environment, node, by=f"kraftwerk backup restore {found.name} --to NODE")
    origin, held = restore.of_point(found)
    chosen = replacement.chosen(held, **named)
    restore.carry_out(backups, found, there, replacement.plan(there, origin, chosen), keep=keep, yes=yes)


@command.command()
@click.argument("point", default=backup.LATEST)
@to_option
@options.environment_option
@click.option("--on", "place", type=click.Choice([spare.WORD]), help="A local node that is made for it, and removed.")
@options.json_option
def verify(point: str, node: str | None, environment: str, place: str | None, as_json: bool) -> None:
    """Rehearse a restore of POINT: the newest one, if none is named.

    It is fetched, checked, laid beside the present data, which is untouched, compared with its manifest, and removed.
    With --on throwaway all that happens on a node of its own on this computer.
    """
    backups = backup.of(project.find(), environment)
    found = backup.pick(backups.points(), point)
    with screen.working(f"Verifying {found.name} of {found.node}") as step:
        if place:
            how = spare.rehearse(backups, found, step.progress)
        else:
            named = node or backups.node_of(found)
            there = targets.deployed(backups.project, environment, named, by="kraftwerk backup verify --to NODE")
            how = restore.rehearse(backups, found, there, step.progress)
    if as_json:
        screen.emit_json(how)
    else:
        screen.say("\n".join(backupreport.rehearsed(how)))


@command.command()
@click.argument("when", required=False)
@options.environment_option
@click.option("--keep", metavar="POLICY", help="What is kept, such as 7d,4w,12m; or all.")
@click.option("--store", metavar="URL", help="Where to: local:/folder, s3://bucket/folder, gs://, azure://, b2://.")
@click.option("--verify", type=click.Choice(cadence.OFTEN), help="How often a restore is rehearsed.")
@test_option
@options.yes_option
def schedule(when: str | None, environment: str, test: bool, yes: bool, **given: str | None) -> int:
    """Have the node make points by itself: "daily 03:00", hourly, "weekly sunday 03:00", or cron's five fields.

    It is written into pillar/ENVIRONMENT.sls, and brought to the nodes at once. WHEN may be never; without it: each
    night, or the schedule that there is.
    """
    change = backupschedule.plan(project.find(), environment, {"schedule": when, **given})
    screen.say("\n".join(change.lines()))
    if test or not screen.confirm("Go on?", yes=yes):
        screen.say("Nothing was changed.")
        return int(not test)
    backupschedule.carry_out(change)
    return 0


@command.command()
@options.environment_option
@test_option
@options.yes_option
@options.json_option
def prune(environment: str, test: bool, yes: bool, as_json: bool) -> int:
    """Delete the points that the policy doesn't keep, of all nodes.

    Nodes do it after each scheduled backup. The newest point is never deleted, nor the newest that was verified. --json
    prints the plan, and deletes nothing without --yes.
    """
    backups = backup.of(project.find(), environment)
    plan = backup.prune_plan(backups)
    going = sum(line["action"] != "keep" for line in plan)
    if as_json:
        screen.emit_json(plan)
    else:
        screen.table(backupreport.PLAN, [backupreport.plan_row(line) for line in plan])
    question = f"Delete {going} of {len(plan)} points?"
    if go := bool(going) and not test and (yes if as_json else screen.confirm(question, yes=yes)):
        backup.prune(backups, plan)
    if not as_json:
        screen.say(backupreport.pruned(len(plan), going if go else 0))
    return int(bool(going) and not go and not test and not as_json)
