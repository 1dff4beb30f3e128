"""kraftwerk rollback: put an earlier release live again."""

from collections.abc import Sequence

import click

from kraftwerk import deploy, project, rollout, screen, steady, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.options import all_option, at_once_option, complete_nodes, environment_option, wait_option, yes_option
from kraftwerk.rollout import Phase, Rollout
from kraftwerk.tokens import Tokens


@click.command("rollback")
@click.argument("number", required=False, type=int)
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="Where; may be repeated."
)
@all_option
@environment_option
@click.option(
    "--with-data", is_flag=True, help="Bring its databases back, too, as they were before they were migrated."
)
@at_once_option
@wait_option
@yes_option
def command(
    number: int | None,
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    with_data: bool,
    at_once: int | None,
    wait: int,
    yes: bool,
) -> int:
    """Put release NUMBER live again, or the one before, with its virtualenv and its environment.

    It boots beside the live one and goes through the same gate. The database stays as it is. On several nodes it goes
    back at once. --with-data says what was written since and would be lost, and asks; --yes answers that.
    """
    here = project.find()
    choice.check(nodes, everything)
    if with_data and (len(nodes) > 1 or everything):
        raise KraftwerkError("--with-data is for one node", next_command="kraftwerk rollback --node NODE", code=2)
    if len(nodes) > 1 or everything:
        from kraftwerk.fleet import rolling

        targets = choice.targets(here, environment, nodes, everything, by="")
        done = rolling.back([Rollout(here, each, patience=wait) for each in targets], number, at_once)
        if failed := [each.name for each in done if each.error is not None]:
            raise KraftwerkError(
                f"{', '.join(failed)}: not gone back, or not with all workers", next_command="kraftwerk releases NODE"
            )
        return 0
    node = nodes[0] if nodes else None
    there = target.resolve(here, environment, node, by="kraftwerk rollback --node NODE or --all")
    run = Rollout(here, there, patience=wait)
    deploy.find_earlier(run, number)
    phases = _with_data(run, yes) if with_data else deploy.ROLLBACK
    with Tokens() as tokens:
        rollout.go(run, phases, tokens)
    screen.say(deploy.told(run))
    if not with_data:
        deploy.warn_of_migrations(run)
    with screen.working("Workers"):
        steady.stay(run)
    return 0


def _with_data(run: Rollout, yes: bool) -> Sequence[Phase]:
    from kraftwerk import replacement, reversion

    with screen.working("Comparing"):
        found = reversion.look(run)
    replacement.confirm(found.plan, kept=True, yes=yes, note=found.note)
    return found.phases()
