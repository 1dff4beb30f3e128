"""Which packages of a lock are wanted, by going from the project's own requirements from package to package.

Locks of today say of each package itself where and for which groups it is wanted; older ones don't.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kraftwerk.lockfiles.pin import NEVER, Pin, both, either, settled

ENOUGH = 8  # ways to a package with different markers; one with more is wanted everywhere

Way = frozenset[str]  # of markers that must all hold


@dataclass(frozen=True)
class Edge:
    """That a package, or the project, requires another one."""

    name: str
    marker: str = ""
    extras: tuple[str, ...] = ()
    specifier: str = ""


@dataclass(frozen=True)
class Package:
    """A package of a lock, with all that it may require; an extra of it is spoken of in markers."""

    pin: Pin
    edges: tuple[Edge, ...] = ()


def wanted(packages: Mapping[str, Sequence[Package]], roots: Iterable[Edge]) -> tuple[Pin, ...]:
    """Return what is reached from some requirements, with markers for where it is.

    Args:
        packages: those of the lock by normalized name; several of a name differ in their versions.
        roots: what the project requires.
    """
    ways: dict[Edge, set[Way]] = {}
    reached: dict[Pin, set[Way]] = {}
    todo: list[tuple[Edge, Way]] = [(edge, frozenset()) for edge in roots]
    while todo:
        edge, way = todo.pop()
        way |= {edge.marker} if edge.marker else set()
        known = ways.setdefault(replace(edge, marker=""), set())
        if any(other <= way for other in known):
            continue
        if len(known) >= ENOUGH:
            known.clear()
            way = frozenset()
        known.add(way)
        for package in _fitting(packages.get(edge.name, ()), edge.specifier):
            reached.setdefault(package.pin, set()).add(way)
            todo += [(each, way) for each in _decided(package.edges, edge.extras)]
    return tuple(_marked(pin, found) for pin, found in reached.items())


def _decided(edges: Iterable[Edge], extras: Sequence[str]) -> list[Edge]:
    """Return the requirements of a package that hold for some of its extras."""
    found = [replace(edge, marker=settled(edge.marker, extras)) for edge in edges]
    return [edge for edge in found if edge.marker != NEVER]


def _fitting(packages: Sequence[Package], specifier: str) -> Sequence[Package]:
    """Return the versions of a package that are meant; all of them where that can't be told."""
    if len(packages) < 2:
        return packages
    try:
        fitting = [each for each in packages if SpecifierSet(specifier).contains(each.pin.version, prereleases=True)]
    except InvalidSpecifier:
        return packages
    return fitting or packages


def _marked(pin: Pin, ways: Iterable[Way]) -> Pin:
    found = sorted({" and ".join(f"({each})" for each in sorted(way)) for way in ways})
    return replace(pin, marker=both(either(found), pin.marker))
