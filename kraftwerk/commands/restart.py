"""kraftwerk restart: web and workers anew, without a failed request."""

import click

from kraftwerk import project, restart, screen, target
from kraftwerk.fleet import choice
from kraftwerk.options import all_option, complete_nodes, environment_option, json_option
from kraftwerk.tokens import Quiet, Tokens
from kraftwerk.workers import WEB


@click.command("restart")
@click.argument("names", nargs=-1, metavar="[PROCESS]...")
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="Where; may be repeated."
)
@all_option
@environment_option
@click.option("--test", is_flag=True, help="Say what would be restarted, and restart nothing.")
@json_option
def command(
    names: tuple[str, ...], nodes: tuple[str, ...], everything: bool, environment: str, test: bool, as_json: bool
) -> None:
    """Restart each PROCESS: web, or a worker. Without one: all.

    Web boots anew beside itself, goes through the gate, and takes over: no request fails, and one that doesn't answer
    never takes over. Workers are asked to stop, with the signal and for the time that kraftwerk.yaml gives them. A
    worker that was stopped as it ended again and again starts. One node after the other.
    """
    here = project.find()
    choice.check(nodes, everything)
    done = []
    for each in choice.targets(here, environment, nodes, everything, by="kraftwerk restart --node NODE or --all"):
        there = restart.found(target.deployed(here, environment, each.node.name))
        node, instance = there.node.name, there.instance.name
        processes = restart.chosen(there.instance, names)
        if not test:
            with Quiet() if as_json else Tokens() as tokens:
                restart.carry_out(here, there, processes, tokens)
        done.append({"node": node, "instance": instance, "processes": processes, "restarted": not test})
        if not as_json:
            words = f"of {instance} {'would be ' if test else ''}restarted"
            screen.say(f"{node}  {', '.join(processes) or 'nothing'} {words}")
        if none := [name for name in names if name != WEB and not there.instance.units_of(name)]:
            screen.warn(f"{', '.join(none)}: none is to run on {node} → kraftwerk scale {none[0]}=1")
    if as_json:
        screen.emit_json(done)
