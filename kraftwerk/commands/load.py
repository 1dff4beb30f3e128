"""`kraftwerk load`: all data of a project from one file."""

from pathlib import Path

import click

from kraftwerk import archive, dump, load, lock, project, screen, target
from kraftwerk.counts import headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.options import complete_nodes, environment_option, yes_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--to",
    "node",
    metavar="NODE",
    shell_complete=complete_nodes,
    help="The node; needed when the project is on several.",
)
@environment_option
@click.option("--only", metavar="SERVICE", multiple=True, help="Load this service alone; may be repeated.")
@click.option("--backup/--no-backup", default=True, help="Keep a safety dump of what is replaced.", show_default=True)
@yes_option
def command(file: Path, node: str | None, environment: str, only: tuple[str, ...], backup: bool, yes: bool) -> None:
    """Replace the project's data on a node by an archive's.

    The whole archive is verified before anything is touched, the present data is kept in a safety dump, and afterwards
    the counts are compared with the manifest.
    """
    manifest = archive.verify(file)
    there = target.resolve(project.find(), environment, node)
    with lock.held(there.connection, there.instance.name):
        plan = load.plan(there, file, manifest, only=only)
        _ask(plan, there.node.name, backup, yes)
        saved = _save(there) if backup else None
        with screen.working(f"Loading {file.name} into {plan.instance.name} on {there.node.name}") as step:
            comparisons = load.load(there, plan, backup=saved, on_progress=step.progress)
    counts = ", ".join(str(line) for line in comparisons if line.told)
    screen.say(f"loaded and checked against the manifest ✓ {counts}")


def _save(there: target.Target) -> Path:
    with screen.working(f"Dumping {there.instance.name} on {there.node.name}"):
        path = dump.safety(there)
    screen.say(f"safety dump: {path}")
    return path


def _ask(plan: load.Plan, node: str, backup: bool, yes: bool) -> None:
    instance = plan.instance.name
    if plan.foreign and not screen.confirm(
        f"The archive is of {plan.manifest.instance} on {plan.manifest.node}. Load it into {instance} on {node}?",
        yes=yes,
    ):
        raise KraftwerkError(f"not confirmed: {instance} on {node} is left as it was")
    data = "; ".join(headline(service, counts) for service, counts in plan.current.items())
    kept = "a safety dump is kept first" if backup else "NO safety dump is kept"
    screen.confirm_name(f"{node}'s data of {instance} ({data}) will be REPLACED; {kept}.", node, yes=yes)
