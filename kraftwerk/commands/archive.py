"""`kraftwerk archive`: look into a dump and check it, without any node."""

from dataclasses import asdict
from pathlib import Path

import click

from kraftwerk import archive, screen
from kraftwerk.manifest import Manifest
from kraftwerk.options import json_option

file_argument = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def command() -> None:
    """Show or verify an archive that `kraftwerk dump` wrote."""


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


def _print(file: Path, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        screen.emit_json({"path": str(file.absolute()), "size": file.stat().st_size, "manifest": asdict(manifest)})
        return
    release = f", release {manifest.release}" if manifest.release is not None else ""
    screen.say(f"{manifest.instance} on {manifest.node} ({manifest.environment}{release}), {manifest.created}")
    rows = [
        (one.service, one.version, member.name, screen.size(member.size), one.headline)
        for one in manifest.services
        for member in one.members
    ]
    screen.table(("service", "version", "member", "size", "holds"), rows)
