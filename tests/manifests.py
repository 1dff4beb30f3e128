"""What tests of archives, manifests and loads have in common: a manifest, and an archive with it."""

from pathlib import Path

from kraftwerk import archive
from kraftwerk.manifest import Manifest, ServiceDump


def manifest_of(*services: ServiceDump) -> Manifest:
    """Return the manifest of a dump of mysite on blue that holds these services, in this order."""
    return Manifest(
        project="mysite",
        environment="production",
        instance="mysite",
        node="blue",
        release=1,
        created="2026-11-20T10:12:00+00:00",
        order=tuple(each.service for each in services),
        services=services,
    )


def write(path: Path, manifest: Manifest, source: archive.Source) -> None:
    """Write an archive whose manifest is known, as a node would."""
    with path.open("wb") as file:
        file.writelines(archive.written(manifest, source))
