"""pylock.toml, the lock that all tools may share (PEP 751)."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kraftwerk.lockfiles.pin import NEVER, Locked, Pin, settled
from kraftwerk.requirements_text import normal

Table = Mapping[str, Any]


def locked(lock: Table, extras: Collection[str], groups: Collection[str]) -> Locked:
    """Return what a pylock.toml pins.

    Args:
        lock: its content.
        extras: those that are wanted.
        groups: those that are wanted beside the ones that are by default.
    """
    chosen = {*lock.get("default-groups", ()), *groups}
    pins = tuple(pin for package in lock.get("packages", []) for pin in _pins(package, extras, chosen))
    indexes = {str(package["index"]).rstrip("/") for package in lock.get("packages", []) if "index" in package}
    return Locked(
        pins=pins,
        direct=frozenset(pin.name for pin in pins),
        indexes=tuple(sorted(indexes)),
    )


def _pins(package: Table, extras: Collection[str], groups: Collection[str]) -> Iterator[Pin]:
    marker = settled(str(package.get("marker", "")), extras, groups)
    if marker != NEVER:
        origin = _origin(package)
        yield Pin(normal(package["name"]), str(package.get("version", "")), marker, tuple(_hashes(package)), origin)


def _hashes(package: Table) -> Iterator[str]:
    for file in [*package.get("wheels", []), package.get("sdist", {}), package.get("archive", {})]:
        yield from (f"{kind}:{value}" for kind, value in file.get("hashes", {}).items())


def _origin(package: Table) -> str:
    """Return where a package comes from that comes from no index."""
    if "vcs" in package:
        vcs = package["vcs"]
        folder = f"#subdirectory={vcs['subdirectory']}" if vcs.get("subdirectory") else ""
        return f"{vcs['type']}+{vcs.get('url') or vcs['path']}@{vcs['commit-id']}{folder}"
    if "directory" in package:
        return f"file:{package['directory']['path']}"
    archive = package.get("archive", {})
    return str(archive.get("url") or (f"file:{archive['path']}" if "path" in archive else ""))
