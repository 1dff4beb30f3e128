"""kraftwerk maintenance: keep visitors out for a while, and let them in again."""

import click

from kraftwerk import maintenance, project, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.instance import environment_words
from kraftwerk.options import all_option, environment_option, json_option, nodes_argument, yes_option


@click.command("maintenance")
@click.argument("state", type=click.Choice(["on", "off"]))
@nodes_argument
@all_option
@environment_option
@click.option("--message", "-m", metavar="TEXT", default="", help="What visitors read.")
@yes_option
@json_option
def command(
    state: str,
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    message: str,
    yes: bool,
    as_json: bool,
) -> int:
    """Answer a page with status 503 to all visitors (on), or let them in again (off).

    The page is the project's maintenance.html, with TEXT in place of {{ message }} in it, or one of ours. It stays over
    reboots and deploys. Everything else goes on: workers, cron, `kraftwerk run`, deploys and health checks.
    """
    if message and state == "off":
        raise KraftwerkError("--message is for on", next_command="kraftwerk maintenance off", code=2)
    here = project.find()
    choice.check(nodes, everything)
    targets = choice.targets(here, environment, nodes, everything, by=f"kraftwerk maintenance {state} NODE or --all")
    if state == "on":
        targets = [target.deployed(here, environment, each.node.name) for each in targets]
    names = ", ".join(each.node.name for each in targets)
    page = maintenance.page(here.root, message)
    if state == "on" and not screen.confirm(f"All visitors of {targets[0].instance.name} on {names} get 503?", yes=yes):
        screen.say("Nothing was changed.")
        return 1
    for each in targets:
        with screen.working(f"Maintenance {state} on {each.node.name}"):
            if state == "on":
                maintenance.on(each.connection, each.instance, page, message)
            else:
                maintenance.off(each.connection, each.instance)
        words = "visitors get 503" if state == "on" else "visitors are let in"
        if not as_json:
            screen.say(f"{each.node.name}  {each.instance.name}: {words}")
    if as_json:
        screen.emit_json([{"node": each.node.name, "instance": each.instance.name, "state": state} for each in targets])
    elif state == "on":
        again = ["--all"] if everything else nodes
        off = ["kraftwerk maintenance off", *again, *environment_words(environment)]
        screen.hint("To let them in again:", " ".join(off))
    return 0
