"""Pinned packages: what locks of every tool come down to, as lines that pip and uv read."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

ALWAYS, NEVER = 'python_version >= "0"', 'python_version < "0"'
# What a marker says of extras and groups of the locking project, in the words of each tool.
CHOICE = re.compile(
    r"""extra\s*(==|!=)\s*["']([^"']*)["']|["']([^"']*)["']\s+(not\s+)?in\s+(extras|dependency_groups)"""
)
PUBLIC = re.compile(r"https?://pypi\.(python\.)?org/")


@dataclass(frozen=True)
class Pin:
    """One package as a lock has it.

    Attributes:
        version: empty where the lock has none.
        marker: where it is wanted, in the words of PEP 508; empty: everywhere.
        hashes: such as sha256:…; any of them will do. Repositories and folders have none that count.
        origin: a repository, archive or folder that it comes from, instead of an index.
    """

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()
    origin: str = ""

    def line(self) -> str:
        """Return it as a line of a requirements.txt."""
        version = f" @ {self.origin}" if self.origin else f"=={self.version}" if self.version else ""
        where = f" ; {self.marker}" if self.marker else ""
        hashes = self.hashes if not self.origin or self.origin.startswith(("http://", "https://")) else ()
        return self.name + version + where + "".join(f" --hash={each}" for each in hashes)


@dataclass(frozen=True)
class Locked:
    """What a lock says for some extras and groups.

    Attributes:
        direct: the packages that the project names itself, normalized.
        indexes: addresses of indexes beside the usual one.
        stale: packages that the project wants otherwise than they are locked.
    """

    pins: tuple[Pin, ...]
    direct: frozenset[str]
    indexes: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def local(self) -> tuple[str, ...]:
        """Return those packages that are folders of the project."""
        return tuple(pin.name for pin in self.pins if pin.origin.startswith("file:"))

    def lines(self) -> list[str]:
        """Return it as the lines of a requirements.txt."""
        indexes = [f"--extra-index-url {url}" for url in self.indexes if not PUBLIC.match(url)]
        return [*indexes, *sorted(pin.line() for pin in self.pins)]


def settled(marker: str, extras: Collection[str], groups: Collection[str] = ()) -> str:
    """Return a marker in which what it says of extras and groups is decided, so that any tool can read it.

    Args:
        extras: those that are wanted.
        groups: of dependencies, those that are wanted.
    """

    def decide(found: re.Match[str]) -> str:
        negated = found[1] == "!=" or bool(found[4])
        name, wanted = (found[2], extras) if found[1] else (found[3], extras if found[5] == "extras" else groups)
        return ALWAYS if (name in wanted) != negated else NEVER

    decided = CHOICE.sub(decide, marker)
    return "" if decided == ALWAYS else decided


def both(first: str, second: str) -> str:
    """Return a marker that holds where both do."""
    return f"({first}) and ({second})" if first and second else first or second


def either(markers: Sequence[str]) -> str:
    """Return a marker that holds where one of several does; an empty one holds everywhere."""
    if not markers or "" in markers:
        return ""
    return " or ".join(f"({each})" for each in markers) if len(markers) > 1 else markers[0]


def hashes_of(files: Iterable[object]) -> tuple[str, ...]:
    """Return the hashes in a lock's list of files, each a mapping with `hash`."""
    return tuple(str(file["hash"]) for file in files if isinstance(file, dict) and "hash" in file)
