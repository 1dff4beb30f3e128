"""kraftwerk releases: what was deployed, when and by whom."""

from dataclasses import asdict

import click

from kraftwerk import project, release, screen, target
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
        screen.emit_json([asdict(each) for each in found])
    elif not found:
        screen.hint(
            f"{here.instance.name} has no release on {here.node.name} yet", f"kraftwerk deploy {here.node.name}"
        )
    else:
        headings = ["RELEASE", "STATE", "WHEN", "WHO", "COMMIT", "TOOK", "NOTE"]
        screen.table(headings, [_row(each) for each in found])


def _row(each: release.Release) -> list[str]:
    migrated = f"{each.migrations} migrations" if each.migrations else ""
    when = each.when.replace("T", " ").rstrip("Z")
    return [str(each.number), each.state, when, each.who, each.version, f"{each.seconds:.0f}s", each.reason or migrated]
