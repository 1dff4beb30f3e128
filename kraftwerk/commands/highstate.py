"""Converge nodes: apply all states for all the projects that they host."""

from dataclasses import asdict

import click

from kraftwerk import highstate, project, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.options import json_option


@click.command(short_help="Converge nodes with all projects they host.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@click.option("--test", is_flag=True, help="Change nothing; show what would change.")
@click.option("--project", "only", metavar="P", multiple=True, help="Converge this project's part only.")
@json_option
def command(nodes: tuple[str, ...], test: bool, only: tuple[str, ...], as_json: bool) -> None:
    """Converge nodes: apply all states for all the projects that they host.

    Without NODE: the nodes of the project that you stand in, else all nodes.
    A failure names the state, its file and the reason.
    """
    here = project.find_or_none()
    outcomes = [_converge(node, here, test, only, quiet=as_json) for node in _nodes(nodes, here)]
    if as_json:
        screen.emit_json([asdict(outcome) for outcome in outcomes])
    failed = [outcome.node for outcome in outcomes if outcome.failed]
    if failed:
        raise KraftwerkError(f"{', '.join(failed)}: not converged", next_command=f"kraftwerk highstate {failed[0]}")


def _nodes(names: tuple[str, ...], here: project.Project | None) -> list[Node]:
    chosen = names or (here.nodes("production") if here else ()) or tuple(sorted(all_nodes()))
    if not chosen:
        raise KraftwerkError(
            "there are no nodes yet", next_command="kraftwerk create-node blue --provider local", code=2
        )
    return [get_node(name) for name in chosen]


def _converge(
    node: Node, here: project.Project | None, test: bool, only: tuple[str, ...], quiet: bool
) -> highstate.Outcome:
    root = here.root if here else None
    if quiet:
        return highstate.converge(node, test=test, only=only, project_root=root)
    with screen.step(f"{'Testing' if test else 'Converging'} {node.name}") as step:
        outcome = highstate.converge(node, test=test, only=only, project_root=root, on_progress=step.progress)
        step.note = f"{len(outcome.results)} states"
    for line in highstate.report(outcome, details=screen.settings.verbosity > 0):
        screen.say(line)
    return outcome
