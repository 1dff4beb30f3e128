"""kraftwerk destroy: remove a project from a node."""

import click

from kraftwerk import project, removal, screen, target
from kraftwerk.options import environment_option, optional_node_argument, yes_option


@click.command("destroy")
@optional_node_argument
@environment_option
@click.option("--keep-data", is_flag=True, help="Leave tables, uploaded files, database and owner.")
@yes_option
def command(node: str | None, environment: str, keep_data: bool, yes: bool) -> None:
    """Remove the project from its node.

    It says what will go, asks for the project's name, and then separately for the source, the tables, the database and
    its owner. Whatever is answered, the project stops being served. --yes removes everything.

    On a node that has data of the project only, which no other node uses any more, it is the data that goes.
    """
    this = project.find()
    here = target.resolve(this, environment, node, by="kraftwerk destroy NODE")
    name = here.instance.name
    found = removal.look(here)
    screen.say("\n".join(found.lines(here.node.name)))
    screen.confirm_name(found.warning(here.node.name), name, yes=yes)
    parts = removal.choose(found.instance, lambda question: screen.confirm(question, yes=yes), keep_data)
    with screen.step(f"Removing {', '.join(parts)}") as step:
        removal.remove(here, found.instance, parts, this.root, step.progress)
    if removal.OWNER in parts:
        screen.say(f"{name} is gone from {here.node.name}.")
    else:
        screen.hint(f"{name} is not served any more; what was not named stays.", "kraftwerk destroy removes more")
