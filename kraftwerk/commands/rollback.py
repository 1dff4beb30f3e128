"""kraftwerk rollback: put an earlier release live again."""

import click

from kraftwerk import deploy, project, rollout, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.options import all_option, at_once_option, complete_nodes, environment_option
from kraftwerk.rollout import Rollout
from kraftwerk.tokens import Tokens


@click.command("rollback")
@click.argument("number", required=False, type=int)
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="Where; may be repeated."
)
@all_option
@environment_option
@at_once_option
def command(
    number: int | None, nodes: tuple[str, ...], everything: bool, environment: str, at_once: int | None
) -> None:
    """Put release NUMBER live again, or the one before.

    It boots beside the live one and goes through the same gate. The database stays as it is. On several nodes it goes
    back at once.
    """
    here = project.find()
    choice.check(nodes, everything)
    if len(nodes) > 1 or everything:
        from kraftwerk.fleet import rolling

        targets = choice.targets(here, environment, nodes, everything, by="")
        done = rolling.back([Rollout(here, each) for each in targets], number, at_once)
        if failed := [each.name for each in done if each.error is not None]:
            raise KraftwerkError(f"{', '.join(failed)}: not gone back", next_command="kraftwerk releases NODE")
        return
    node = nodes[0] if nodes else None
    run = Rollout(here, target.resolve(here, environment, node, by="kraftwerk rollback --node NODE or --all"))
    deploy.find_earlier(run, number)
    with Tokens() as tokens:
        rollout.go(run, deploy.ROLLBACK, tokens)
    screen.say(deploy.told(run))
    deploy.warn_of_migrations(run)
