"""`kraftwerk archive`: look into a dump, check it and take it apart; or bring it here from the node that kept it."""

from dataclasses import asdict
from pathlib import Path, PurePosixPath

import click

from kraftwerk import archive, extraction, screen
from kraftwerk import fetch as fetching
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest
from kraftwerk.node import get_node
from kraftwerk.options import json_option
from kraftwerk.transport import Connection

file_argument = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Show, verify, extract or fetch an archive that `kraftwerk dump` wrote."""


@command.command()
@file_argument
@json_option
def show(file: Path, as_json: bool) -> None:
    """Show where FILE comes from and what it holds, from its manifest."""
    _print(file, archive.read_manifest(file), as_json)


@command.command()
@file_argument
@json_option
def verify(file: Path, as_json: bool) -> None:
    """Read all of FILE and compare every byte with its checksums."""
    manifest = archive.verify(file)
    _print(file, manifest, as_json)
    if not as_json:
        count = sum(len(one.members) for one in manifest.services)
        screen.say(f"{file} is whole: {count} members, all checksums right")


@command.command()
@file_argument
@click.option("--only", metavar="SERVICE", multiple=True, help="This service alone; may be repeated.")
@click.option("--to", "folder", metavar="DIR", type=click.Path(path_type=Path), help="A new or empty folder.")
def extract(file: Path, only: tuple[str, ...], folder: Path | None) -> None:
    """Verify FILE and write what it holds of each service as files, by default to a folder of its name.

    They are left as the services packed them: docs/data.md says what reads them.
    """
    folder = folder or Path(file.stem)
    for path in extraction.extract(file, folder, only):
        screen.say(f"{path}  {screen.size(path.stat().st_size)}")


@command.command()
@click.argument("source", metavar="NODE:PATH")
@click.argument("file", type=click.Path(path_type=Path), default=Path())
def fetch(source: str, file: Path) -> None:
    """Copy an archive here from the node that `kraftwerk dump --on-node` left it on, and verify it."""
    name, colon, path = source.partition(":")
    if not colon or not path.startswith("/"):
        known = "`kraftwerk dump --on-node` printed it: blue:/web/mysite/dump/mysite-blue-20261120T2305.kw"
        raise KraftwerkError(f"{source} is not NODE:/PATH", next_command=known, code=2)
    with screen.step(f"Fetching {PurePosixPath(path).name} from {name}"):
        fetching.fetch(Connection(get_node(name)), PurePosixPath(path), file)


def _print(file: Path, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        screen.emit_json({"path": str(file.absolute()), "size": file.stat().st_size, "manifest": asdict(manifest)})
        return
    release = f", release {manifest.release}" if manifest.release is not None else ""
    frozen = ", all at one point in time" if manifest.frozen else ""
    screen.say(
        f"{manifest.instance} on {manifest.node} ({manifest.environment}{release}), dumped {manifest.moment}{frozen}"
    )
    rows = [
        (one.service, one.version, member.name, screen.size(member.size), one.headline, one.consistency)
        for one in manifest.services
        for member in one.members
    ]
    screen.table(("service", "version", "member", "size", "holds", "of"), rows)
