"""kraftwerk cron: jobs that run at their times, and what became of them."""

import click

from kraftwerk import cron, oneoff, options, project, screen
from kraftwerk.target import Target
from kraftwerk.verbgroup import VerbGroup

node_option = click.option(
    "--node", metavar="NODE", shell_complete=options.complete_nodes, help="Where, if not on the node that runs them."
)


@click.group("cron", cls=VerbGroup, usual="list")
def command() -> None:
    """Show the project's cron jobs with their last results, and run one now.

    One node of an environment runs them. Where no COMMAND is named, it is list.
    """


@command.command("list")
@node_option
@options.environment_option
@options.json_option
def show(node: str | None, environment: str, as_json: bool) -> int:
    """List the jobs: when they run, and how the last run of each one went. The exit code is 1 if one failed."""
    there = cron.place(project.find(), environment, node, by="kraftwerk cron list --node NODE")
    runs = cron.last(there)
    if as_json:
        found = {name: {**job, "node": there.node.name, **runs[name].as_dict()} for name, job in _jobs(there)}
        screen.emit_json([{"name": name, **each} for name, each in found.items()])
    else:
        rows = [[name, job["at"], runs[name].when, runs[name].took, runs[name].words] for name, job in _jobs(there)]
        screen.table(["JOB", "AT", f"LAST ON {there.node.name}", "TOOK", "RESULT"], rows)
    return int(any(run.failed for run in runs.values()))


@command.command()
@click.argument("name")
@node_option
@options.environment_option
def run(name: str, node: str | None, environment: str) -> None:
    """Run the job NAME now, as its time would, unless it runs already. Its output is shown; its exit code is ours."""
    there = cron.place(project.find(), environment, node, by=f"kraftwerk cron run {name} --node NODE")
    oneoff.become(there.connection, cron.words(there, name))


def _jobs(there: Target) -> list[tuple[str, dict[str, str]]]:
    return [(name, dict(job)) for name, job in there.instance.cron.items()]
