"""kraftwerk deploy: put a new release live."""

import click

from kraftwerk import deploy, project, rollout, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import all_nodes
from kraftwerk.options import environment_option, json_option, optional_node_argument, yes_option
from kraftwerk.tokens import Tokens
from kraftwerk.wheels import house as wheelhouse


@click.command("deploy")
@optional_node_argument
@environment_option
@click.option("--plan", "plan_only", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--wheels", metavar="[DIR]", is_flag=False, flag_value="", help="Install from a folder of wheels alone.")
@click.option("--wait", metavar="SECONDS", type=int, default=3, help="Wait for another deploy, dump or load to end.")
@yes_option
@json_option
def command(
    node: str | None, environment: str, plan_only: bool, wheels: str | None, wait: int, yes: bool, as_json: bool
) -> int:
    """Deploy the project to NODE.

    Without NODE it goes where kraftwerk.yaml says, or where it is deployed already. The plan comes first, then a
    question. Whatever fails before the switch leaves the release that is live untouched. --json goes with --plan.
    --wheels takes packages from a folder of wheels (DIR, else wheels) and asks no index, on the node neither.
    """
    if as_json and not plan_only:
        raise KraftwerkError("--json prints the plan alone", next_command="kraftwerk deploy --plan --json", code=2)
    if wheels and not node and wheels in all_nodes():  # `deploy --wheels blue`
        node, wheels = wheels, ""
    here = project.find()
    run = rollout.Rollout(here, target.resolve(here, environment, node, by="kraftwerk deploy NODE"), patience=wait)
    run.wheels = wheelhouse.folder(here, environment, wheels) if wheels is not None else None
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
    live = f"Release {run.release.number} is live in {run.seconds:.0f}s   {run.instance.url}"
    screen.say(f"{live.ljust(51)}  undo: {_undo(run, environment)}")
    return 0


def _undo(run: rollout.Rollout, environment: str) -> str:
    """Return the command that takes this deploy back; the first one can only be removed."""
    node = "" if target.is_obvious(run.project, environment, run.target.node) else run.target.node.name
    words = ["kraftwerk rollback", node and f"--node {node}"] if run.history.live else ["kraftwerk destroy", node]
    return " ".join(filter(None, [*words, "" if environment == "production" else f"--env {environment}"]))
