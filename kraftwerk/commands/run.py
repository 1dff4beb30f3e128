"""kraftwerk run: a one-off command in the project on its node."""

import click

from kraftwerk import oneoff, project, target
from kraftwerk.node import get_node
from kraftwerk.options import environment_option
from kraftwerk.transport import Connection

RAW = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command("run", context_settings=RAW)
@click.option("--node", metavar="NODE", help="Where, if the project is on several nodes.")
@environment_option
@click.option("--as", "user", type=click.Choice([oneoff.ROOT, oneoff.WEB]), help="Instead of as the project's user.")
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(node: str | None, environment: str, user: str | None, words: tuple[str, ...]) -> None:
    """Run COMMAND on the node, in the project's live release.

    It runs as the project's user, with its virtualenv and environment, in its folder. Terminal, stdin, stdout, exit
    code and Ctrl-C are its own, and its words arrive exactly as given. --as root runs it plainly on the node.
    """
    if user == oneoff.ROOT and node:
        oneoff.become(Connection(get_node(node)), words)
    find = target.resolve if user == oneoff.ROOT else target.deployed
    here = find(project.find(), environment, node, by="kraftwerk run --node NODE")
    oneoff.become(here.connection, oneoff.words(here.instance, words, user or oneoff.PROJECT))
