"""kraftwerk deploy: put a new release live."""

import shlex
from pathlib import Path

import click

from kraftwerk import deploy, project, rollout, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.instance import environment_words
from kraftwerk.node import all_nodes
from kraftwerk.options import all_option, at_once_option, environment_option, json_option, nodes_argument, yes_option
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
@click.option("--wait", metavar="SECONDS", type=int, default=3, help="Wait for another deploy, dump or load to end.")
@at_once_option
@yes_option
@json_option
def command(
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    plan_only: bool,
    wheels: str | None,
    wait: int,
    at_once: int | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Deploy the project to NODE, or to several.

    Without NODE it goes where kraftwerk.yaml says, or where it is deployed already. The plan comes first, then a
    question. Whatever fails before the switch leaves the release that is live untouched. --json goes with --plan.
    --wheels takes packages from a folder of wheels (DIR, else wheels) and asks no index, on the node neither.

    Of several nodes one goes first and alone. When the release is live there, the others follow at once.
    """
    if as_json and not plan_only:
        raise KraftwerkError("--json prints the plan alone", next_command="kraftwerk deploy --plan --json", code=2)
    if wheels and not nodes and wheels in all_nodes():  # `deploy --wheels blue`
        nodes, wheels = (wheels,), ""
    choice.check(nodes, everything)
    here = project.find()
    folder = wheelhouse.folder(here, environment, wheels) if wheels is not None else None
    targets = choice.targets(here, environment, nodes, everything, by="kraftwerk deploy NODE or --all")
    runs = [_run(here, each, wait, folder) for each in targets]
    if len(runs) > 1:
        return _to_several(runs, plan_only, yes, at_once, as_json)
    return _to_one(runs[0], plan_only, yes, as_json)


def _run(here: project.Project, there: Target, wait: int, folder: Path | None) -> Rollout:
    run = Rollout(here, there, patience=wait)
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
            screen.say("\n".join(run.plan.lines()))
        if plan_only:
            return 0
        if not screen.confirm("Deploy?"):
            screen.say("Nothing was changed.")
            return 1
    else:
        deploy.warn(run)
    with Tokens() as tokens:
        rollout.go(run, deploy.DEPLOY, tokens)
    screen.say(deploy.told(run))
    return 0


def _to_several(runs: list[Rollout], plan_only: bool, yes: bool, at_once: int | None, as_json: bool) -> int:
    from kraftwerk.fleet import rolling

    checked = rolling.check(runs, plan=plan_only or not yes, at_once=at_once, as_json=as_json)
    sound = [each.value for each in checked if each.value is not None]
    if as_json:
        screen.emit_json([run.plan.as_dict() for run in sound if run.plan])
    left = [each.name for each in checked if each.value is None]
    if plan_only or not sound:
        return _ended(left, "can't be deployed to", runs[0])
    if not screen.confirm(rolling.question(sound), yes=yes):
        screen.say("Nothing was changed.")
        return 1
    done = rolling.go(sound, at_once)
    live = [each.name for each in done if each.error is None]
    left = [run.target.node.name for run in runs if run.target.node.name not in live]
    return _ended(left, "not deployed", runs[0])


def _ended(left: list[str], what: str, run: Rollout) -> int:
    if left:
        words = [*left, *environment_words(run.instance.environment)]
        words += [] if run.wheels is None else ["--wheels", str(run.wheels)]
        raise KraftwerkError(f"{', '.join(left)}: {what}", next_command=f"kraftwerk deploy {shlex.join(words)}")
    return 0
