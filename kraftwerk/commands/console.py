"""kraftwerk console: psql, mariadb, redis-cli … on the node."""

import click

from kraftwerk import console, project, target
from kraftwerk.options import complete_services, environment_option

RAW = {"ignore_unknown_options": True}


@click.command("console", context_settings=RAW)
@click.option("--node", metavar="NODE", help="Where, if the project is on several nodes.")
@environment_option
@click.argument("service", shell_complete=complete_services)
@click.argument("arguments", metavar="[-- ARGUMENT...]", nargs=-1, type=click.UNPROCESSED)
def command(node: str | None, environment: str, service: str, arguments: tuple[str, ...]) -> None:
    """Open the client program of SERVICE on the node: psql, mariadb, redis-cli, sqlite3.

    It is led to the project's own data, as the project's own user. ARGUMENTs are the program's, and without a terminal
    it reads stdin: `kraftwerk console postgres -- -c "SELECT 1"`, `kraftwerk console postgres < script.sql`.
    """
    there = target.deployed(project.find(), environment, node, by=f"kraftwerk console {service} --node NODE")
    console.open_client(there, service, arguments)
