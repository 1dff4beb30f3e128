"""Whether a uv.lock still belongs to its pyproject.toml. uv itself tells only with the index that made the lock."""

from collections.abc import Iterable, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from kraftwerk.requirements_text import normal

Wanted = dict[str, set[SpecifierSet]]


def stale(dependencies: Iterable[str], lock: Mapping[str, Any], project: str) -> list[str]:
    """Return the packages whose requirements were changed since the lock was made; names only, sorted.

    Args:
        dependencies: of pyproject.toml, as they stand there.
        lock: the content of uv.lock.
        project: the project's name, normalized.
    """
    own = next((each for each in lock.get("package", []) if each.get("name") == project), None)
    if own is None or "metadata" not in own:
        return []
    wanted, locked = _wanted(dependencies), _locked(own["metadata"].get("requires-dist", []))
    return sorted(name for name in wanted.keys() | locked.keys() if wanted.get(name) != locked.get(name))


def _wanted(dependencies: Iterable[str]) -> Wanted:
    found: Wanted = {}
    for line in dependencies:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:  # uv says what is wrong with it
            continue
        found.setdefault(normal(requirement.name), set()).add(requirement.specifier)
    return found


def _locked(requires: Iterable[Mapping[str, Any]]) -> Wanted:
    found: Wanted = {}
    for each in requires:
        if "extra ==" not in each.get("marker", ""):
            found.setdefault(each["name"], set()).add(SpecifierSet(each.get("specifier", "")))
    return found
