"""pdm.lock, of all versions."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from kraftwerk.lockfiles import standard, walk
from kraftwerk.lockfiles.pin import Locked, Pin, hashes_of
from kraftwerk.lockfiles.walk import Edge, Package
from kraftwerk.requirements_text import normal

Table = Mapping[str, Any]
MAIN = "default"


def locked(pyproject: Table, lock: Table, extras: Collection[str], groups: Collection[str]) -> Locked:
    """Return what a pdm.lock pins.

    Args:
        pyproject: the content of pyproject.toml.
        lock: the content of pdm.lock.
        extras: of the project, those that are wanted.
        groups: of dependencies, those that are wanted beside the main one.
    """
    packages, roots = lock.get("package", []), _roots(pyproject, extras, groups)
    if any("groups" in package for package in packages):
        pins = tuple(_grouped(packages, {MAIN, *extras, *groups}))
    else:
        pins = walk.wanted(_by_name(packages), roots)
    names = {normal(package["name"]) for package in packages}
    return Locked(
        pins=pins,
        direct=frozenset(edge.name for edge in roots),
        stale=tuple(sorted({edge.name for edge in roots} - names)),
    )


def _roots(pyproject: Table, extras: Collection[str], groups: Collection[str]) -> list[Edge]:
    """Return what the project requires by itself."""
    old = pyproject.get("tool", {}).get("pdm", {}).get("dev-dependencies", {})
    own = [line for group in groups for line in old.get(group, [])]
    return list(standard.edges([*standard.lines(pyproject, extras, groups), *own]))


def _grouped(packages: Iterable[Table], groups: Collection[str]) -> Iterator[Pin]:
    """Yield the pins of a lock that says of each package for which groups it is wanted.

    One with extras stands there once more, for what these require.
    """
    found: dict[tuple[str, ...], Pin] = {}
    for package in packages:
        if {*package.get("groups", ())} & {*groups}:
            pin = _pin(package, str(package.get("marker", "")))
            found.setdefault((pin.name, pin.version, pin.origin, pin.marker), pin)
    everywhere = {key[:3] for key in found if not key[3]}
    yield from (pin for key, pin in found.items() if not key[3] or key[:3] not in everywhere)


def _by_name(packages: Iterable[Table]) -> dict[str, list[Package]]:
    """Return the packages by name, those with extras together with those without."""
    found: dict[str, dict[str, Package]] = {}
    for package in packages:
        name, required = normal(package["name"]), standard.edges(package.get("dependencies", ()))
        marked = _of_extras((edge for edge in required if edge.name != name), package.get("extras", ()))
        versions = found.setdefault(name, {})
        first = versions.get(package["version"], Package(_pin(package, "")))
        versions[package["version"]] = Package(first.pin, (*first.edges, *marked))
    return {name: list(versions.values()) for name, versions in found.items()}


def _of_extras(edges: Iterable[Edge], extras: Iterable[str]) -> Iterator[Edge]:
    """Yield what a package requires, by its extras where it is listed for these."""
    for edge in edges:
        for condition in [f'extra == "{extra}"' for extra in extras] or [""]:
            marker = f"({edge.marker}) and {condition}" if edge.marker and condition else edge.marker or condition
            yield replace(edge, marker=marker)


def _pin(package: Table, marker: str) -> Pin:
    origin = str(package.get("url", ""))
    if "git" in package:
        origin = f"git+{package['git']}@{package.get('revision') or package.get('ref', '')}"
    elif "path" in package:
        origin = f"file:{package['path']}"
    return Pin(normal(package["name"]), package["version"], marker, hashes_of(package.get("files", ())), origin)
