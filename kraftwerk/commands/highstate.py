"""Converge nodes: apply all states for all the projects that they host."""

from pathlib import Path

import click

from kraftwerk import highstate, project, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice, converging
from kraftwerk.fleet.foreman import Done
from kraftwerk.node import Node
from kraftwerk.options import at_once_option, environment_option, json_option, nodes_argument


@click.command(short_help="Converge nodes with all projects they host.")
@nodes_argument
@click.option("--all", "everything", is_flag=True, help="All nodes there are, also inside a project.")
@environment_option
@click.option("--test", is_flag=True, help="Change nothing; show what would change.")
@click.option("--project", "only", metavar="P", multiple=True, help="Converge this project's part only.")
@at_once_option
@json_option
def command(
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    test: bool,
    only: tuple[str, ...],
    at_once: int | None,
    as_json: bool,
) -> None:
    """Converge nodes, several at once: apply all states for all the projects that they host.

    Without NODE: the nodes of the project that you stand in, else all nodes.
    A failure names the state, its file and the reason. A node that can't be reached holds up no other.
    """
    here = project.find_or_none()
    choice.check(nodes, everything)
    names = nodes or (here.nodes(environment) if here and not everything else ())
    chosen = choice.named(names) if names else choice.everything()
    root = here.root if here else None
    if len(chosen) == 1:
        done = [_converge(chosen[0], test, only, root, quiet=as_json)]
    else:
        done = converging.converge(chosen, test=test, only=only, project_root=root, at_once=at_once, as_json=as_json)
    if as_json:
        screen.emit_json([each.as_dict() for each in done])
    if failed := converging.failed(done):
        raise KraftwerkError(f"{', '.join(failed)}: not converged", next_command=f"kraftwerk highstate {failed[0]}")


def _converge(node: Node, test: bool, only: tuple[str, ...], root: Path | None, quiet: bool) -> Done[highstate.Outcome]:
    """Converge a single node, in this very process."""
    if quiet:
        outcome = highstate.converge(node, test=test, only=only, project_root=root)
        return Done(node.name, outcome, None, outcome.seconds)
    with screen.step(f"{'Testing' if test else 'Converging'} {node.name}") as step:
        outcome = highstate.converge(node, test=test, only=only, project_root=root, on_progress=step.progress)
        step.note = f"{len(outcome.results)} states"
    for line in highstate.report(outcome, details=screen.settings.verbosity > 0):
        screen.say(line)
    return Done(node.name, outcome, None, outcome.seconds)
