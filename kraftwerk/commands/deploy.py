"""kraftwerk deploy: put a new release live."""

from pathlib import Path

import click

from kraftwerk import deploy, project, rollout, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.node import all_nodes
from kraftwerk.options import (
    all_option,
    at_once_option,
    environment_option,
    json_option,
    nodes_argument,
    wait_option,
    yes_option,
)
from kraftwerk.rollout import Rollout
from kraftwerk.target import Target
from kraftwerk.tokens import Tokens
from kraftwerk.wheels import house as wheelhouse


@click.command("deploy")
@nodes_argument
@all_option
@environment_option
@click.option("--plan", "plan_only", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--wheels", metavar="[DIR]", is_flag=False, flag_value="", help="Install from a folder of wheels alone.")
@click.option("--no-dump", "undumped", is_flag=True, help="Save no databases on the node before it migrates them.")
@click.option("--from", "start", metavar="PHASE", help="Go on with the deploy that failed, in its release.")
@wait_option
@click.option(
    "--batch",
    metavar="N|%",
    default="",
    help="After the first node, so many at the same time: all by default, or behind a balancer one.",
)
@click.option("--no-undo", "undo", flag_value=False, type=bool, default=True, help="If it fails later, don't go back.")
@at_once_option
@yes_option
@json_option
def command(
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    plan_only: bool,
    wheels: str | None,
    undumped: bool,
    start: str | None,
    wait: int,
    batch: str,
    undo: bool,
    at_once: int | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Deploy the project to NODE, or to several.

    Without NODE it goes where kraftwerk.yaml says, or where it is deployed already. The plan comes first, then a
    question. Whatever fails before the switch leaves the release that is live untouched. --json goes with --plan.
    --wheels takes packages from a folder of wheels (DIR, else wheels) and asks no index, on the node neither.

    --from goes on with the last deploy, in the release that it made: --from migrate, once the database is up again.

    Of several nodes one goes first and alone. When the release is live there, the others follow, all at once or in
    batches. When it fails at one, those where it is live already go back. With -v the plan tells all there is.
    """
    if as_json and not plan_only:
        raise KraftwerkError("--json prints the plan alone", next_command="kraftwerk deploy --plan --json", code=2)
    if wheels and not nodes and wheels in all_nodes():  # `deploy --wheels blue`
        nodes, wheels = (wheels,), ""
    choice.check(nodes, everything)
    here = project.find()
    folder = wheelhouse.folder(here, environment, wheels) if wheels is not None else None
    targets = choice.targets(here, environment, nodes, everything, by="kraftwerk deploy NODE or --all")
    runs = [_run(here, each, wait, folder, undumped) for each in targets]
    if start:
        return _go_on(runs, start, plan_only, yes)
    if len(runs) > 1:
        from kraftwerk.fleet import deploying

        return deploying.deploy(runs, deploying.Wish(plan_only, yes, as_json, batch, at_once, undo))
    return _to_one(runs[0], plan_only, yes, as_json)


def _run(here: project.Project, there: Target, wait: int, folder: Path | None, undumped: bool) -> Rollout:
    run = Rollout(here, there, patience=wait, undumped=undumped)
    run.wheels = folder
    return run


def _to_one(run: Rollout, plan_only: bool, yes: bool, as_json: bool) -> int:
    deploy.check(run)
    if not yes or plan_only:
        with screen.working("Planning") as step:
            run.progress = step.progress
            deploy.plan(run)
        if run.plan and as_json:
            screen.emit_json(run.plan.as_dict())
        elif run.plan:
            screen.say("\n".join(run.plan.lines() + (run.plan.more() if screen.settings.verbosity > 0 else [])))
        if plan_only:
            return 0
        if screen.decide("Deploy?", run.plan.more if run.plan else list) != screen.YES:
            screen.say("Nothing was changed.")
            return 1
    else:
        deploy.warn(run)
    with Tokens() as tokens:
        rollout.go(run, deploy.DEPLOY, tokens)
    screen.say(deploy.told(run))
    return 0


def _go_on(runs: list[Rollout], start: str, plan_only: bool, yes: bool) -> int:
    if plan_only or len(runs) > 1:
        raise KraftwerkError("--from goes with one node, and without --plan", code=2)
    from kraftwerk import resume

    run = runs[0]
    phases = resume.find(run, start)
    if not screen.confirm(resume.question(run, start), yes=yes):
        screen.say("Nothing was changed.")
        return 1
    with Tokens() as tokens:
        rollout.go(run, phases, tokens)
    screen.say(deploy.told(run))
    return 0
