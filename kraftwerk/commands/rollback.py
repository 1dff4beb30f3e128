"""kraftwerk rollback: put an earlier release live again."""

import click

from kraftwerk import deploy, project, rollout, screen, target
from kraftwerk.options import environment_option
from kraftwerk.tokens import Tokens


@click.command("rollback")
@click.argument("number", required=False, type=int)
@click.option("--node", metavar="NODE", help="Where, if the project is on several nodes.")
@environment_option
def command(number: int | None, node: str | None, environment: str) -> None:
    """Put release NUMBER live again, or the one before.

    It boots beside the live one and goes through the same gate. The database stays as it is.
    """
    here = project.find()
    run = rollout.Rollout(here, target.resolve(here, environment, node, by="kraftwerk rollback --node NODE"))
    deploy.find_earlier(run, number)
    with Tokens() as tokens:
        rollout.go(run, deploy.ROLLBACK, tokens)
    live = f"Release {run.release.number} is live again in {run.seconds:.1f}s   {run.instance.url}"
    undo = "deploy" if run.left.served else f"rollback {run.history.live}"
    screen.say(f"{live.ljust(51)}  undo: kraftwerk {undo}")
    if run.left.migrations:
        screen.warn(f"release {run.left.number} applied {run.left.migrations} migrations; the database stays as it is")
