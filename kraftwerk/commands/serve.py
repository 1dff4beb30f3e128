"""kraftwerk serve: the quick loop while one works."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from kraftwerk import project, registry, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import complete_environments, complete_nodes, yes_option


@click.command("serve")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", help="Default: 8000, or the next free one.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--no-open", is_flag=True, help="Open no browser.")
@click.option("--services", metavar="NODE", shell_complete=complete_nodes, help="Use the databases of a node.")
@click.option("--full", metavar="NODE", shell_complete=complete_nodes, help="Serve from a node: the full stack.")
@click.option(
    "--env",
    "environment",
    metavar="NAME",
    default="development",
    show_default=True,
    shell_complete=complete_environments,
    help="The environment.",
)
@yes_option
@click.argument("words", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def command(
    port: int | None,
    host: str,
    no_open: bool,
    services: str | None,
    full: str | None,
    environment: str,
    yes: bool,
    words: tuple[str, ...],
) -> int:
    """Serve the project while you work on it; what you save is seen at once.

    The project's own development server runs on this computer, with its workers, in the environment `development`.
    --full serves it from a node instead, behind nginx with all its services. COMMAND runs in the place of the server,
    with the same environment: kraftwerk serve -- python manage.py migrate
    """
    from kraftwerk.serve import local

    if environment == "production":
        cause = "production isn't served while it is worked on"
        raise KraftwerkError(cause, next_command="kraftwerk serve --env development", code=2)
    local.end_by_signals()
    here = project.find()
    if full:
        if services or port or words:
            raise KraftwerkError("--full goes without --services, --port and COMMAND", code=2)
        return _full(here, full, environment, no_open=no_open, yes=yes)
    choice = local.Choice(environment, host, port, browser=not no_open, yes=yes)
    with _services(here, services, environment) as found:
        choice = replace(choice, services=found)
        if words:
            return local.run(here.root, choice, words)
        local.serve(here.root, choice)
    return 0


@contextmanager
def _services(here: project.Project, node: str | None, environment: str) -> Iterator[dict[str, str] | None]:
    """Yield the variables that lead to the services of a node, if one is named."""
    if not node:
        yield None
        return
    from kraftwerk.serve import tunnel

    there = target.resolve(here, environment, node)
    tunnel.prepare(there)
    with TemporaryDirectory(prefix="kw-") as folder, tunnel.opened(there, Path(folder)) as found:
        yield found


def _full(here: project.Project, node: str, environment: str, *, no_open: bool, yes: bool) -> int:
    """Serve from a node: ask before a site is put where none is yet."""
    from kraftwerk.serve import full
    from kraftwerk.serve.log import Log

    there = target.resolve(here, environment, node)
    name = there.instance.name
    known = name in registry.instances(there.node)
    if not known and not screen.confirm(f"{name} is not on {node} yet. Deploy it there?", yes=yes, default=True):
        screen.say("Nothing was changed.")
        return 1
    full.serve(here, there, Log(["web", *there.instance.processes]), browser=not no_open)
    return 0
