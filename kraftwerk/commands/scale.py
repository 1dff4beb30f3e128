"""kraftwerk scale: how many processes of each kind run."""

from dataclasses import asdict

import click

from kraftwerk import project, scale, screen, target
from kraftwerk.fleet import choice
from kraftwerk.options import all_option, complete_nodes, environment_option, json_option, yes_option


@click.command("scale")
@click.argument("counts", nargs=-1, metavar="[PROCESS=N]...")
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="Where; may be repeated."
)
@all_option
@environment_option
@click.option("--test", is_flag=True, help="Say what would change, and change nothing.")
@yes_option
@json_option
def command(
    counts: tuple[str, ...],
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    test: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Have so many of each PROCESS run, such as web=4 mail=2; without one, show how many do.

    It holds on the node until it is changed, deploys keep it, and kraftwerk env shows it. mail=0 stops a worker, and
    mail=auto means again what kraftwerk.yaml says. No request fails, and a worker that has to go is asked to stop, with
    time to finish.
    """
    here = project.find()
    choice.check(nodes, everything)
    found = choice.targets(here, environment, nodes, everything, by="kraftwerk scale --node NODE or --all")
    targets = [target.deployed(here, environment, each.node.name) for each in found]
    if counts:
        change = scale.parse(counts, targets[0].instance)
        if not as_json:
            screen.say("\n".join(scale.words(each, change) for each in targets))
        if test or not screen.confirm("Go on?", yes=yes):
            if as_json:
                screen.emit_json([{"node": each.node.name, "change": change} for each in targets])
            else:
                screen.say("Nothing was changed.")
            return int(not test)
        for each in targets:
            with screen.step(f"Scaling on {each.node.name}") as step:
                scale.apply(each, change, here.root, step.progress)
        targets = [target.deployed(here, environment, each.node.name) for each in targets]
    rows = [row for each in targets for row in scale.table(each)]
    if as_json:
        screen.emit_json([asdict(row) for row in rows])
    else:
        screen.table(["NODE", "PROCESS", "RUNNING", "SAID BY"], [row.cells() for row in rows])
    return 0
