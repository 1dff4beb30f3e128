"""kraftwerk migrate: the project moves to another node."""

from pathlib import Path

import click

from kraftwerk import migrate, moveplan, newplace, project, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import environment_words
from kraftwerk.options import complete_nodes, environment_option, json_option, wait_option, yes_option


@click.command("migrate")
@click.argument("folder", metavar="[PROJECT]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--from", "source", metavar="NODE", required=True, shell_complete=complete_nodes, help="Where it is.")
@click.option("--to", "into", metavar="NODE", required=True, shell_complete=complete_nodes, help="Where it goes.")
@environment_option
@click.option("--plan", "only_plan", is_flag=True, help="Say what would happen, and change nothing.")
@wait_option
@yes_option
@json_option
def command(
    folder: Path | None,
    source: str,
    into: str,
    environment: str,
    only_plan: bool,
    wait: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Move the project from one node to another, with its data.

    The release that is live goes, its data, workers, cron and backups. It is copied while it serves; then requests
    wait for a moment, in which the rest is copied and the new node takes over. The old one keeps its data, runs nothing
    and passes requests on. Until it takes over, whatever fails or is killed, the old one serves on; then call it again.
    """
    if as_json and not (yes or only_plan):
        raise KraftwerkError("--json asks no question", next_command="--yes, or --plan", code=2)
    this = project.find(folder)
    with screen.working("Looking at both nodes"):
        plan = moveplan.make(this, environment, source, into)
    if as_json and only_plan:
        screen.emit_json(plan.as_dict())
        return 0
    for line in () if as_json else plan.lines():
        screen.say(line)
    if only_plan:
        return 0
    if not screen.confirm("Move?" if not plan.begun else "Finish it?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    move = migrate.migrate(plan, screen.working if as_json else screen.step, wait)
    if as_json:
        screen.emit_json(move.as_dict())
        return 0
    for line in [*move.lines(), *newplace.records(plan.into.instance.domains, plan.source.node, plan.into.node)]:
        screen.say(line)
    words = ["kraftwerk destroy", source, *environment_words(environment)]
    screen.hint(f"{source} keeps its data until you are content.", f"{' '.join(words)}, in a week say")
    return 0
