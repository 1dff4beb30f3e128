"""kraftwerk releases: what was deployed, when and by whom."""

from dataclasses import asdict

import click

from kraftwerk import project, release, screen, target
from kraftwerk.counts import counted
from kraftwerk.options import environment_option, json_option, optional_node_argument


@click.command("releases")
@optional_node_argument
@environment_option
@json_option
def command(node: str | None, environment: str, as_json: bool) -> None:
    """List the releases that are kept on the node, the last one first."""
    here = target.resolve(project.find(), environment, node, by="kraftwerk releases NODE")
    history = release.read(here.connection, here.instance)
    found = sorted(history.releases.values(), key=lambda each: -each.number)
    if as_json:
        saved = {point.before: asdict(point) for point in history.savepoints}
        screen.emit_json([{**asdict(each), "savepoint": saved.get(each.number)} for each in found])
    elif not found:
        screen.hint(
            f"{here.instance.name} has no release on {here.node.name} yet", f"kraftwerk deploy {here.node.name}"
        )
    else:
        headings = ["RELEASE", "STATE", "WHEN", "WHO", "COMMIT", "TOOK", "NOTE"]
        dumped = {point.before for point in history.savepoints}
        screen.table(headings, [_row(each, each.number in dumped) for each in found])


def _row(each: release.Release, saved: bool) -> list[str]:
    migrated = counted(each.migrations, "migrations") if each.migrations else ""
    note = each.reason or ", ".join(filter(None, [migrated, "dumped before" if saved else ""]))
    when = each.when.replace("T", " ").rstrip("Z")
    return [str(each.number), each.state, when, each.who, each.version, f"{each.seconds:.0f}s", note]
