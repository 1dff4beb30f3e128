"""Options that several commands share."""

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from kraftwerk.errors import KraftwerkError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes_option: Decorator = click.option("--yes", "-y", is_flag=True, help="Answer every question with yes, for scripts.")


class NodeName(click.ParamType):
    """The name of a node in the roster; the shell completes it."""

    name = "node"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the nodes that begin like this."""
        from kraftwerk.node import all_nodes

        return _completions(all_nodes, incomplete)


class EnvironmentName(click.ParamType):
    """The name of an environment; the shell completes those of the project."""

    name = "environment"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the environments that begin like this."""
        from kraftwerk.project import find

        return _completions(lambda: find().known_environments(), incomplete)


def _completions(names: Callable[[], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    try:
        return [CompletionItem(name) for name in sorted(names()) if name.startswith(incomplete)]
    except KraftwerkError:  # broken configuration: the command itself will say so
        return []


environment_option: Decorator = click.option(
    "--env",
    "environment",
    type=EnvironmentName(),
    metavar="NAME",
    default="production",
    show_default=True,
    envvar="KRAFTWERK_ENV",
    help="The environment.",
)
node_argument: Decorator = click.argument("node", type=NodeName())
optional_node_argument: Decorator = click.argument("node", type=NodeName(), required=False)
nodes_argument: Decorator = click.argument("nodes", type=NodeName(), nargs=-1, metavar="[NODE]...")
