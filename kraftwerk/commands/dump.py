"""`kraftwerk dump`: all data of a project into one file."""

from dataclasses import asdict
from pathlib import Path

import click

from kraftwerk import dump, project, screen, target
from kraftwerk.options import environment_option, json_option, optional_node_argument


@click.command()
@optional_node_argument
@environment_option
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="The archive, or a folder for it."
)
@json_option
def command(node: str | None, environment: str, output: Path | None, as_json: bool) -> None:
    """Dump all data of the project from a node into one archive.

    It holds every service, with checksums and counts, and appears when it is complete. `tar` and `sha256sum` read it
    without kraftwerk. NODE is needed when the project is on several.
    """
    there = target.resolve(project.find(), environment, node)
    with screen.working(f"Dumping {there.instance.name} on {there.node.name}") as step:
        path, manifest = dump.create(there, output, on_service=lambda done: step.progress(done.headline))
    size = path.stat().st_size
    if as_json:
        screen.emit_json({"path": str(path.absolute()), "size": size, "manifest": asdict(manifest)})
        return
    done = " · ".join(f"{one.headline} ✓" for one in manifest.services) or "no services"
    screen.say(f"{done}  →  {path}  ({screen.size(size)})")
