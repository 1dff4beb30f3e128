"""What a service holds, in numbers: tables, rows, files; told in a few words, and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[str, "int | Mapping[str, int]"]


def headline(service: str, counts: Counts) -> str:
    """Return counts in a few words: `postgres 10 tables 31 rows`, `files 0`; bytes and numbers by name are left out."""
    numbers = {name: count for name, count in counts.items() if isinstance(count, int) and name != "bytes"}
    return " ".join(
        [service, *(f"{count:,}" if name == service else counted(count, name) for name, count in numbers.items())]
    )


def counted(count: int, name: str) -> str:
    """Return a count with its name: `1,034 files`, `1 file`."""
    return f"{count:,} {name.removesuffix('s') if abs(count) == 1 else name}"


@dataclass(frozen=True)
class Comparison:
    """One count of a service: in the manifest, and after the load."""

    service: str
    name: str
    wanted: int
    found: int | None

    @property
    def told(self) -> bool:
        """Tell whether it is printed when it is right: rows and the like, but no bytes and nothing by name."""
        return self.name not in ("bytes", "tables") and ":" not in self.name

    def __str__(self) -> str:
        """Return it as it is printed: `31/31 rows`."""
        return f"{'?' if self.found is None else f'{self.found:,}'}/{self.wanted:,} {self.name}"


def counts_of(found: dict[str, Any]) -> Counts:
    """Return the counts in what a service's `inspect` or `load` answered."""
    counts: Counts = found.get("counts", found)
    return counts


def compare(service: str, wanted: Counts, found: Counts) -> list[Comparison]:
    """Return each count of a service in the manifest beside the one that is found after a load."""
    flat = flatten(found)
    return [Comparison(service, name, count, flat.get(name)) for name, count in flatten(wanted).items()]


def flatten(counts: Counts) -> dict[str, int]:
    """Return counts with those by name as `tables: auth_user`."""
    flat: dict[str, int] = {}
    for key, value in counts.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}: {name}": count for name, count in value.items()}
        else:
            flat[key] = value
    return flat
