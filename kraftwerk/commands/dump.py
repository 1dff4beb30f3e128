"""`kraftwerk dump`: all data of a project into one file."""

from dataclasses import asdict
from pathlib import Path

import click

from kraftwerk import copy, dump, project, screen, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import ServiceDump
from kraftwerk.options import environment_option, json_option, optional_node_argument, yes_option

TELLING = 10_000_000  # bytes from which on a rate says something


@click.command()
@optional_node_argument
@environment_option
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="The archive, or a folder for it."
)
@click.option("--on-node", is_flag=True, help="Keep the archive on the node, in /web/INSTANCE/dump/.")
@click.option("--freeze", is_flag=True, help="Let requests wait meanwhile: all services at one point in time.")
@click.option("--to", "into", type=click.Choice([copy.LOCAL]), help="Into `development` on its local node: a copy.")
@yes_option
@json_option
def command(
    node: str | None,
    environment: str,
    output: Path | None,
    on_node: bool,
    freeze: bool,
    into: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Dump all data of the project from a node into one archive.

    It holds every service, with checksums and counts, and appears when it is complete. `tar` and `sha256sum` read it
    without kraftwerk. NODE is needed when the project is on several. Databases are dumped at one point each, uploads
    after them, so that no row names a missing file; with --freeze nobody writes in between.
    """
    if into:
        if output or on_node or freeze or as_json:
            cause = f"--to {into} makes a copy and no archive: --output, --on-node, --freeze and --json aren't for it"
            raise KraftwerkError(cause, next_command=f"kraftwerk dump --to {into}", code=2)
        copy.to_local(project.find(), (environment, node), copy.Choice(yes=yes))
        return
    if on_node and output:
        cause = "--output is a file here, and --on-node keeps the archive there"
        raise KraftwerkError(cause, next_command="leave one of them out", code=2)
    there = target.resolve(project.find(), environment, node, by="kraftwerk dump NODE")
    with screen.working(f"Dumping {there.instance.name} on {there.node.name}") as step:
        watch = dump.Watch(on_progress=step.progress, on_service=lambda *done: None if as_json else _line(*done))
        if on_node:
            done = dump.keep(there, freeze=freeze, watch=watch)
        else:
            done = dump.create(there, output, freeze=freeze, watch=watch)
    if as_json:
        screen.emit_json({**asdict(done), "path": str(done.path if on_node else Path(done.path).absolute())})
        return
    for service in done.skipped:
        screen.say(f"{service} is a cache only: not dumped")
    rate = f", {screen.size(done.size / done.seconds)}/s" if done.size > TELLING else ""
    where = f"{there.node.name}:{done.path}" if on_node else done.path
    screen.say(f"→  {where}  ({screen.size(done.size)} in {done.seconds:.1f}s{rate})")
    if on_node:
        screen.hint("It is only on that node.", f"kraftwerk archive fetch {where}")


def _line(done: ServiceDump, seconds: float) -> None:
    screen.say(f"{done.headline} ✓ {seconds:.1f}s")
