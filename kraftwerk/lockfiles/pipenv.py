"""Pipfile and Pipfile.lock, as pipenv writes them."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kraftwerk.lockfiles import caret
from kraftwerk.lockfiles.pin import Locked, Pin, both
from kraftwerk.requirements_text import bracketed, normal

Table = Mapping[str, Any]
MARKERS = ("sys_platform", "platform_system", "platform_machine", "python_version", "os_name", "implementation_name")


def locked(pipfile: Table, lock: Table, groups: Collection[str]) -> Locked:
    """Return what a Pipfile.lock pins.

    Args:
        pipfile: the content of the Pipfile.
        lock: the content of Pipfile.lock.
        groups: categories of packages that are wanted beside the main one.
    """
    direct = {normal(name): said for table in _tables(pipfile, groups) for name, said in table.items()}
    found = {
        normal(name): {**_table(direct.get(normal(name))), **said}  # pipenv leaves out markers of what isn't for itself
        for category in ("default", *map(_in_lock, groups))
        for name, said in lock.get(category, {}).items()
    }
    pins = tuple(_pin(name, said) for name, said in found.items())
    return Locked(
        pins=pins,
        direct=frozenset(direct),
        indexes=tuple(sorted(_indexes(lock.get("_meta", {})))),
        stale=tuple(sorted(direct.keys() - found.keys())),
    )


def unlocked(pipfile: Table, groups: Collection[str]) -> list[str]:
    """Return what a Pipfile requires, as lines of a requirements.txt."""
    indexes = Locked((), frozenset(), tuple(sorted(_indexes({"sources": pipfile.get("source", [])})))).lines()
    named = [(name, said) for table in _tables(pipfile, groups) for name, said in table.items()]
    return [*indexes, *(_line(name, _table(said)) for name, said in named)]


def python(pipfile: Table) -> str:
    """Return the versions of Python that a Pipfile asks for; empty where it doesn't."""
    requires = pipfile.get("requires", {})
    wanted = requires.get("python_full_version") or requires.get("python_version")
    return f"=={wanted}.*" if wanted and str(wanted).count(".") < 2 else f"=={wanted}" if wanted else ""


def _tables(pipfile: Table, groups: Collection[str]) -> list[Table]:
    return [pipfile.get(name, {}) for name in ("packages", *("dev-packages" if g == "dev" else g for g in groups))]


def _table(said: object) -> Table:
    """Return what is said of a package as a mapping; often it is a version alone."""
    return said if isinstance(said, dict) else {"version": said or "*"}


def _in_lock(group: str) -> str:
    """Return what a lock calls a category."""
    return "develop" if group in ("dev", "dev-packages") else group


def _indexes(meta: Table) -> Iterator[str]:
    for source in meta.get("sources", []):
        yield str(source["url"]).rstrip("/")


def _line(name: str, wanted: Table) -> str:
    options = bracketed(wanted.get("extras", ()))
    origin = _origin(wanted)
    version = f" @ {origin}" if origin else caret.specifier(str(wanted.get("version", "*")))
    marker = _marker(wanted)
    return f"{name}{options}{version}{f' ; {marker}' if marker else ''}"


def _marker(wanted: Table) -> str:
    """Return where a package is wanted; a Pipfile may give each part of a marker a key of its own."""
    marker = str(wanted.get("markers", ""))
    for name in MARKERS:
        if name in wanted:
            marker = both(marker, f"{name} {wanted[name]}")
    return marker


def _pin(name: str, said: Table) -> Pin:
    origin, version = _origin(said), str(said.get("version", "")).removeprefix("==").strip("*")
    return Pin(name, version, _marker(said), tuple(said.get("hashes", ())), origin)


def _origin(wanted: Table) -> str:
    """Return where a package comes from that comes from no index."""
    if "git" in wanted:
        folder = f"#subdirectory={wanted['subdirectory']}" if wanted.get("subdirectory") else ""
        return f"git+{wanted['git']}{'@' + wanted['ref'] if wanted.get('ref') else ''}{folder}"
    if "path" in wanted:
        return f"file:{wanted['path']}"
    return str(wanted.get("file", ""))
