"""What pyproject.toml says in the tables that are everybody's (PEP 621 and PEP 735)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from kraftwerk.lockfiles.walk import Edge
from kraftwerk.requirements_text import normal

Table = Mapping[str, Any]


def lines(pyproject: Table, extras: Collection[str], groups: Collection[str]) -> list[str]:
    """Return the project's dependencies with those of extras and groups; unknown ones are uv's to name."""
    project, named = pyproject.get("project", {}), pyproject.get("dependency-groups", {})
    optional = project.get("optional-dependencies", {})
    found = [*project.get("dependencies", []), *(line for extra in extras for line in optional.get(extra, []))]
    return [str(line) for line in found] + [line for group in groups for line in _group(named, group, ())]


def edges(required: Iterable[str]) -> Iterator[Edge]:
    """Yield requirements that are written in the words of PEP 508."""
    for line in required:
        try:
            found = Requirement(line)
        except InvalidRequirement:  # whoever installs it says what is wrong with it
            continue
        marker = str(found.marker) if found.marker else ""
        yield Edge(normal(found.name), marker, tuple(sorted(found.extras)), str(found.specifier))


def _group(named: Table, group: str, within: tuple[str, ...]) -> Iterator[str]:
    """Yield what a group requires, with the groups that it includes."""
    for entry in named.get(group, []) if group not in within else []:
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(named, str(entry.get("include-group")), (*within, group))
