"""Options that several commands share."""

from collections.abc import Callable, Iterable
from typing import Any

import click

from kraftwerk.errors import KraftwerkError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes_option: Decorator = click.option("--yes", "-y", is_flag=True, help="Answer every question with yes, for scripts.")


def complete_nodes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the nodes that begin like this, for the shell."""
    from kraftwerk.node import all_nodes

    return _completions(all_nodes, incomplete)


def complete_environments(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the environments of the project that begin like this, for the shell."""
    from kraftwerk.project import find

    return _completions(lambda: find().known_environments(), incomplete)


def complete_providers(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the clouds that were added and begin like this, for the shell."""
    from kraftwerk.account import all_accounts

    return _completions(all_accounts, incomplete)


def complete_runners(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return who can run a node and begins like this, for the shell."""
    from kraftwerk.account import all_accounts
    from kraftwerk.provider import PROVIDERS

    return _completions(lambda: [*PROVIDERS, *all_accounts()], incomplete)


def complete_clouds(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the clouds that libcloud knows and begin like this, for the shell."""
    from kraftwerk.credentials import clouds

    return _completions(clouds, incomplete)


def complete_keys(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the configuration's keys that begin like this, for the shell: known ones, and those that files give."""
    from kraftwerk import configleaf, keypath, project

    environment = context.params.get("environment") or "production"
    return _completions(lambda: map(keypath.text, configleaf.known(project.find(), environment)), incomplete)


def complete_services(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the project's services that begin like this, for the shell."""
    from kraftwerk.project import find

    environment = context.params.get("environment") or "production"
    return _completions(lambda: find().deployment(environment).services, incomplete)


def _completions(names: Callable[[], Iterable[str]], incomplete: str) -> list[str]:
    try:
        return [name for name in sorted(names()) if name.startswith(incomplete)]
    except KraftwerkError:  # broken configuration: the command itself will say so
        return []


environment_option: Decorator = click.option(
    "--env",
    "environment",
    shell_complete=complete_environments,
    metavar="NAME",
    default="production",
    show_default=True,
    envvar="KRAFTWERK_ENV",
    help="The environment.",
)
only_option: Decorator = click.option(
    "--only", metavar="SERVICE", multiple=True, help="This service alone; may be repeated."
)
skip_option: Decorator = click.option(
    "--skip", metavar="SERVICE", multiple=True, help="All but this service; may be repeated."
)
provider_argument: Decorator = click.argument("provider", shell_complete=complete_providers)
node_argument: Decorator = click.argument("node", shell_complete=complete_nodes)
optional_node_argument: Decorator = click.argument("node", shell_complete=complete_nodes, required=False)
wait_option: Decorator = click.option(
    "--wait", metavar="SECONDS", type=int, default=3, help="Wait for who works on it just now."
)
lock_name_option: Decorator = click.option(
    "--name", metavar="LOCK", help="Which lock, if not the project's: an instance's name, or node."
)
nodes_argument: Decorator = click.argument("nodes", shell_complete=complete_nodes, nargs=-1, metavar="[NODE]...")
all_option: Decorator = click.option("--all", "everything", is_flag=True, help="All nodes of the environment.")
at_once_option: Decorator = click.option(
    "--at-once",
    type=click.IntRange(1),
    metavar="N",
    envvar="KRAFTWERK_AT_ONCE",
    help="So many nodes at the same time; by default as many as cores and memory here carry.",
)
