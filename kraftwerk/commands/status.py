"""kraftwerk status: is all well?"""

import click

from kraftwerk import project, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice, looking
from kraftwerk.options import at_once_option, environment_option, json_option, nodes_argument


@click.command("status")
@nodes_argument
@click.option("--all", "everything", is_flag=True, help="All projects on all nodes, also inside a project.")
@click.option("--watch", is_flag=True, help="All that is seen, again and again, until Ctrl-C.")
@environment_option
@at_once_option
@json_option
def command(
    nodes: tuple[str, ...], everything: bool, watch: bool, environment: str, at_once: int | None, as_json: bool
) -> int:
    """Show how the project is on its nodes: processes, services, disk and release.

    Outside of a project: all projects on all nodes, or on each NODE. The exit code is 1 if anything is wrong, and each
    thing that is stands there with what to do about it. With -v all that was seen: what visitors met, the node's load,
    memory, disks, updates and clock.
    """
    choice.check(nodes, everything)
    if watch and as_json:
        raise KraftwerkError("--json prints one look", next_command="kraftwerk status --json", code=2)
    here = None if everything else project.find_or_none()
    places = target.places(here, environment, nodes)
    together = here.nodes(environment) if here else ()
    if watch and places:
        found = looking.watch(places, named=here is None, together=together, at_once=at_once)
    else:
        found = looking.look(places, named=here is None, together=together, at_once=at_once, as_json=as_json)
    if as_json:
        screen.emit_json([each.as_dict() for each in found])
    elif not found:
        screen.hint("Nothing is deployed yet.", "kraftwerk deploy NODE, in a project")
    return 0 if all(each.ok for each in found) else 1
