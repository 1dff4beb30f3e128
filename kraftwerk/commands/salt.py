"""Run any execution function of Salt on a node."""

import sys

import click

from kraftwerk import saltssh, screen
from kraftwerk.node import get_node
from kraftwerk.options import json_option


@click.command(
    short_help="Run any execution function of Salt on a node.", context_settings={"ignore_unknown_options": True}
)
@click.argument("node")
@click.argument("function", metavar="FUN")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARG]...")
@json_option
def command(node: str, function: str, arguments: tuple[str, ...], as_json: bool) -> None:
    """Run any execution function of Salt on a node.

    Arguments are read as salt-ssh reads them: NAME=VALUE is a keyword, and YAML makes numbers and lists.
    They show in the node's process list, so no secret belongs there. Example: kraftwerk salt blue disk.usage
    """
    value, code = saltssh.execute(get_node(node), function, *arguments)
    if as_json:
        screen.emit_json(value)
    else:
        screen.say(_text(value))
    sys.exit(1 if code else 0)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip().removesuffix("\n...")
