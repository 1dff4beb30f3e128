"""poetry.lock and what pyproject.toml says to poetry, of all versions of both."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kraftwerk.lockfiles import caret, standard, walk
from kraftwerk.lockfiles.pin import Locked, Pin, both, either, hashes_of, settled
from kraftwerk.lockfiles.walk import Edge, Package
from kraftwerk.requirements_text import bracketed, normal

Table = Mapping[str, Any]
PLAIN = "legacy"  # the type of a source that is an index


def locked(pyproject: Table, lock: Table, extras: Collection[str], groups: Collection[str]) -> Locked:
    """Return what a poetry.lock pins.

    Args:
        pyproject: the content of pyproject.toml.
        lock: the content of poetry.lock.
        extras: of the project, those that are wanted.
        groups: of dependencies, those that are wanted beside the main one.
    """
    packages = lock.get("package", [])
    roots = list(edges(pyproject, extras, groups, lock))
    if any("groups" in package for package in packages):
        pins = tuple(_grouped(packages, extras, {"main", *groups}))
    else:
        pins = walk.wanted(_by_name(packages, lock), roots)
    sources = [package.get("source", {}) for package in packages]
    return Locked(
        pins=pins,
        direct=frozenset(edge.name for edge in roots),
        indexes=tuple(sorted({each["url"].rstrip("/") for each in sources if each.get("type") == PLAIN})),
        stale=tuple(_stale(packages, roots)),
    )


def unlocked(pyproject: Table, extras: Collection[str], groups: Collection[str]) -> list[str]:
    """Return what pyproject.toml requires in poetry's own tables, as lines of a requirements.txt."""
    found = []
    for name, wanted, marker in _named(_tables(pyproject, groups), _of_extras(pyproject, {}, extras)):
        origin = _origin(wanted, wanted.get("rev") or wanted.get("tag") or wanted.get("branch", ""))
        options = bracketed(wanted.get("extras", ()))
        version = f" @ {origin}" if origin else caret.specifier(str(wanted.get("version", "")))
        found.append(f"{name}{options}{version}{f' ; {marker}' if marker else ''}")
    return found


def python(pyproject: Table) -> str:
    """Return the versions of Python that a project asks of poetry; empty where it doesn't."""
    wanted = caret.alternatives(str(_poetry(pyproject).get("dependencies", {}).get("python", "")))
    return wanted[0] if len(wanted) == 1 else ""


def edges(pyproject: Table, extras: Collection[str], groups: Collection[str], lock: Table) -> Iterator[Edge]:
    """Yield what the project requires by itself."""
    yield from standard.edges(standard.lines(pyproject, extras, groups))
    for name, wanted, marker in _named(_tables(pyproject, groups), _of_extras(pyproject, lock, extras)):
        version = str(wanted.get("version", ""))
        yield Edge(normal(name), marker, tuple(wanted.get("extras", ())), caret.specifier(version))


def _poetry(pyproject: Table) -> Table:
    found: Table = pyproject.get("tool", {}).get("poetry", {})
    return found


def _tables(pyproject: Table, groups: Collection[str]) -> list[Table]:
    """Return the tables of dependencies that count."""
    poetry = _poetry(pyproject)
    named = poetry.get("group", {})
    old = poetry.get("dev-dependencies", {}) if "dev" in groups else {}
    return [poetry.get("dependencies", {}), old, *(named.get(group, {}).get("dependencies", {}) for group in groups)]


def _of_extras(pyproject: Table, lock: Table, extras: Collection[str]) -> set[str]:
    """Return the optional packages that extras of the project bring."""
    known = {**lock.get("extras", {}), **_poetry(pyproject).get("extras", {})}
    return {normal(name) for extra in extras for name in known.get(extra, [])}


def _named(tables: Iterable[Table], optional: Collection[str]) -> Iterator[tuple[str, Table, str]]:
    """Yield each wanted dependency of poetry's tables: its name, what is said of it, and its marker."""
    for table in tables:
        for name, said in table.items():
            for each in said if isinstance(said, list) else [said]:
                wanted: Table = each if isinstance(each, dict) else {"version": each}
                if name == "python" or (wanted.get("optional") and normal(name) not in optional):
                    continue
                yield name, wanted, _marker(wanted)


def _marker(wanted: Table) -> str:
    """Return where a dependency is wanted: its markers, its versions of Python and its platform."""
    pythons = [version for version in caret.alternatives(str(wanted.get("python", ""))) if version]
    by_python = either([_of_python(version) for version in pythons])
    platform = wanted.get("platform", "")
    by_platform = f'sys_platform == "{platform}"' if platform else ""
    return both(both(str(wanted.get("markers", "")), by_python), by_platform)


def _of_python(specifier: str) -> str:
    clauses = sorted(SpecifierSet(specifier), key=str)
    names = ["python_full_version" if each.version.count(".") > 1 else "python_version" for each in clauses]
    return " and ".join(f'{name} {each.operator} "{each.version}"' for name, each in zip(names, clauses, strict=True))


def _grouped(packages: Iterable[Table], extras: Collection[str], groups: Collection[str]) -> Iterator[Pin]:
    """Yield the pins of a lock that says of each package for which groups it is wanted, and where."""
    for package in packages:
        markers, found = package.get("markers", ""), [each for each in package.get("groups", []) if each in groups]
        said = [markers if isinstance(markers, str) else markers.get(group, "") for group in found]
        if found:
            yield _pin(package, {}, either([settled(marker, extras) for marker in said]))


def _by_name(packages: Iterable[Table], lock: Table) -> dict[str, list[Package]]:
    files, found = lock.get("metadata", {}).get("files", {}), dict[str, list[Package]]()
    for package in packages:
        pin = _pin(package, files, "")
        found.setdefault(normal(package["name"]), []).append(Package(pin, tuple(_required(package))))
    return found


def _required(package: Table) -> Iterator[Edge]:
    """Yield what a package of a lock requires."""
    for name, said in package.get("dependencies", {}).items():
        for each in said if isinstance(said, list) else [said]:
            wanted = each if isinstance(each, dict) else {"version": each}
            version = caret.specifier(str(wanted.get("version", "")))
            yield Edge(normal(name), str(wanted.get("markers", "")), tuple(wanted.get("extras", ())), version)


def _pin(package: Table, files: Table, marker: str) -> Pin:
    """Return a package of a lock as a pin; up to lock 1.1 all hashes stand together at the end."""
    source = package.get("source", {})
    origin = "" if source.get("type") == PLAIN else _origin({source.get("type", ""): source.get("url", "")}, "")
    if source.get("type") == "git":
        origin = f"git+{source['url']}@{source.get('resolved_reference') or source.get('reference', '')}"
        origin += f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    hashes = hashes_of(package.get("files") or files.get(package["name"], []))
    return Pin(normal(package["name"]), package["version"], marker, hashes, origin)


def _origin(wanted: Table, reference: str) -> str:
    """Return where a package comes from that comes from no index."""
    if "git" in wanted:
        folder = f"#subdirectory={wanted['subdirectory']}" if wanted.get("subdirectory") else ""
        return f"git+{wanted['git']}{f'@{reference}' if reference else ''}{folder}"
    path = wanted.get("path") or wanted.get("directory") or wanted.get("file")
    return f"file:{path}" if path else str(wanted.get("url", ""))


def _stale(packages: Iterable[Table], roots: Iterable[Edge]) -> Iterator[str]:
    """Yield the packages that pyproject.toml wants and that are not locked, or in another version."""
    versions: dict[str, list[str]] = {}
    for package in packages:
        versions.setdefault(normal(package["name"]), []).append(package["version"])
    yield from sorted({edge.name for edge in roots if not _met(edge, versions.get(edge.name, []))})


def _met(edge: Edge, versions: Iterable[str]) -> bool:
    try:
        allowed = SpecifierSet(edge.specifier)
    except InvalidSpecifier:
        return any(True for _ in versions)
    return any(allowed.contains(version, prereleases=True) for version in versions)
