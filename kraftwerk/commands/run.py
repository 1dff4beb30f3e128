"""kraftwerk run: a one-off command in the project on its node, or on several."""

import click

from kraftwerk import oneoff, project, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import get_node
from kraftwerk.options import at_once_option, complete_nodes, environment_option, json_option
from kraftwerk.transport import Connection

RAW = {"ignore_unknown_options": True, "allow_interspersed_args": False}
BY = "kraftwerk run --node NODE or --all"


@click.command("run", context_settings=RAW)
@click.option(
    "--node", "nodes", metavar="NODE", multiple=True, shell_complete=complete_nodes, help="Where; may be repeated."
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="On all nodes of the environment; with --as root and outside of a project, on all there are.",
)
@environment_option
@click.option("--as", "user", type=click.Choice([oneoff.ROOT, oneoff.WEB]), help="Instead of as the project's user.")
@at_once_option
@json_option
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    nodes: tuple[str, ...],
    everything: bool,
    environment: str,
    user: str | None,
    at_once: int | None,
    as_json: bool,
    words: tuple[str, ...],
) -> None:
    """Run COMMAND on the node, in the project's live release.

    It runs as the project's user, with its virtualenv and environment, in its folder. Terminal, stdin, stdout, exit
    code and Ctrl-C are its own, and its words arrive exactly as given. --as root runs it plainly on the node.

    On several nodes it runs at once, without a terminal and stdin. What it prints comes node by node, each line with
    the node's name before it; the exit code is 1 if it failed on any.
    """
    if as_json and not nodes and not everything:
        nodes = (target.choose(project.find(), environment, BY),)
    if len(nodes) > 1 or everything or as_json:
        _on_several(nodes, everything, environment, user, words, at_once, as_json)
        return
    node = nodes[0] if nodes else None
    if user == oneoff.ROOT and node:
        oneoff.become(Connection(get_node(node)), words)
    find = target.resolve if user == oneoff.ROOT else target.deployed
    here = find(project.find(), environment, node, by=BY)
    oneoff.become(here.connection, oneoff.words(here.instance, words, user or oneoff.PROJECT))


def _on_several(
    names: tuple[str, ...],
    everything: bool,
    environment: str,
    user: str | None,
    words: tuple[str, ...],
    at_once: int | None,
    as_json: bool,
) -> None:
    from kraftwerk.fleet import choice, command  # late: a single node needs nothing of it

    choice.check(names, everything)
    here = project.find_or_none() if user == oneoff.ROOT else project.find()
    if names:
        nodes = choice.named(names)
    elif here is not None:
        nodes = choice.of_environment(here, environment)
    else:
        nodes = choice.everything()
    finds = {node.name: command.find(node, words, here, environment, user or oneoff.PROJECT) for node in nodes}
    done = command.run(finds, at_once=at_once, as_json=as_json)
    if as_json:
        screen.emit_json([each.as_dict() for each in done])
    if failed := command.failed(done):
        raise KraftwerkError(f"it failed on {', '.join(failed)}")
