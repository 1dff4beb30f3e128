"""kraftwerk status: is all well?"""

import click

from kraftwerk import project, screen, status, target
from kraftwerk.options import environment_option, json_option, optional_node_argument


@click.command("status")
@optional_node_argument
@environment_option
@json_option
def command(node: str | None, environment: str, as_json: bool) -> int:
    """Show how the project is on its nodes: processes, services, disk and release.

    Outside of a project: all projects on all nodes. The exit code is 1 if anything is wrong, and the line says what to
    do about it.
    """
    here = project.find_or_none()
    places = target.places(here, environment, node)
    found = status.look(places)
    if as_json:
        screen.emit_json([each.as_dict() for each in found])
    for each in () if as_json else found:
        screen.say(each.line(named=here is None))
    if not found and not as_json:
        screen.hint("Nothing is deployed yet.", "kraftwerk deploy NODE, in a project")
    return 0 if all(each.ok for each in found) else 1
