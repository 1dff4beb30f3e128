"""What the services of an instance hold: sizes, counts, the largest parts, and growth since the last dump."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kraftwerk import dump, nodeprogram, screen
from kraftwerk.counts import Counts, counted, flatten, headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import environment_words
from kraftwerk.target import Target

SHOWN = 5  # largest parts of each service, when all services are shown
UNITS = {"tables": "rows", "keys": "keys", "databases": "docs", "folders": "files"}  # what is counted in a part
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Part:
    """One of the larger parts of a service: a table, the keys of a prefix, a database, a folder."""

    name: str
    count: int | None
    size: int | None


@dataclass(frozen=True)
class Held:
    """What one service holds.

    Attributes:
        size: in bytes.
        kind: what its parts are: tables, keys, databases, folders; empty where it names none.
        parts: the largest first, twenty at most.
        before: the counts of the last dump; None where there was none of this service.
        error: why nothing can be said.
    """

    service: str
    version: str = ""
    size: int = 0
    counts: Counts = field(default_factory=dict)
    kind: str = ""
    parts: tuple[Part, ...] = ()
    before: Counts | None = None
    seconds: float = 0.0
    error: str = ""

    @property
    def headline(self) -> str:
        """Return the counts in a few words: `10 tables 31 rows`."""
        return headline("", self.counts).strip()

    @property
    def growth(self) -> str:
        """Return how the counts differ from the last dump's: `+14 rows -1 tables`; `as dumped` where they don't."""
        if self.before is None:
            return ""
        now, then = flatten(self.counts), flatten(self.before)
        told = [key for key in now if ":" not in key and key != "bytes" and key in then]
        more = {key: now[key] - then[key] for key in told if now[key] != then[key]}
        return " ".join(f"{'+' if by > 0 else ''}{counted(by, key)}" for key, by in more.items()) or "as dumped"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        if self.error:
            return {"error": self.error, "seconds": self.seconds}
        parts = [{"name": part.name, "count": part.count, "size": part.size} for part in self.parts]
        told = {"version": self.version, "size": self.size, "counts": dict(self.counts), "seconds": self.seconds}
        return {**told, "detail": {self.kind: parts} if self.kind else {}, "last_dump": self.before}


@dataclass(frozen=True)
class Inspection:
    """What an instance holds.

    Attributes:
        dumped: when the last dump was made, and what it took; empty and 0 before the first.
    """

    instance: str
    node: str
    environment: str
    services: tuple[Held, ...]
    dumped: str = ""
    dump_size: int = 0

    def lines(self, shown: int) -> Iterator[str]:
        """Yield it as it is printed.

        Args:
            shown: how many parts of each service.
        """
        for held in self.services:
            yield from _service_lines(held, shown, self._more(held.service))
        if not self.services:
            yield "it has no services"
            return
        yield f"last dump {_ago(self.dumped)}, {screen.size(self.dump_size)}" if self.dumped else "no dump yet"

    def _more(self, service: str) -> str:
        """Return the command that shows more of a service."""
        return " ".join(["kraftwerk inspect", service, self.node, *environment_words(self.environment)])

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        services = {held.service: held.as_dict() for held in self.services}
        last = {"created": self.dumped, "size": self.dump_size} if self.dumped else None
        place = {"instance": self.instance, "node": self.node, "environment": self.environment}
        return {**place, "services": services, "last_dump": last}


def look(target: Target, only: Sequence[str] = ()) -> Inspection:
    """Ask all services of an instance at the same time what they hold; one that doesn't answer has an `error`.

    Args:
        only: these services; all by default.

    Raises:
        KraftwerkError: the node can't be reached, the instance isn't deployed there or has no such service (code 2).
    """
    instance = dump.deployed(target)
    if unknown := [name for name in only if name not in instance.services]:
        has = ", ".join(instance.services) or "no services"
        cause = f"{instance.name} on {target.node.name} has no {unknown[0]}; it has {has}"
        raise KraftwerkError(cause, next_command="kraftwerk inspect, for all of them", code=2)
    names = list(only or instance.services)
    found = nodeprogram.call(target.connection, "kw_look.inspect_all", instance.name, names, timeout=PATIENCE)
    last: Mapping[str, Any] = found["dump"]
    dumped: Mapping[str, Any] = last.get("services", {})
    held = tuple(parse(name, found["services"][name], dumped.get(name)) for name in names)
    place = (instance.name, target.node.name, instance.environment)
    return Inspection(*place, held, str(last.get("created", "")), int(last.get("size", 0)))


def parse(service: str, found: Mapping[str, Any], dumped: Mapping[str, Any] | None = None) -> Held:
    """Return what a node said that a service holds.

    Args:
        found: what its `inspect` returned, with `seconds`.
        dumped: what the last dump held of it.
    """
    seconds = float(found.get("seconds", 0))
    if "error" in found:
        return Held(service, error=str(found["error"]), seconds=seconds)
    detail = found.get("detail") or {}
    kind = next((key for key in UNITS if isinstance(detail.get(key), list)), "")
    parts = tuple(Part(str(each["name"]), each.get("count"), each.get("size")) for each in detail.get(kind, ()))
    before = None if dumped is None else dumped["counts"]
    return Held(service, str(found["version"]), int(found["size"]), found["counts"], kind, parts, before, seconds)


def _service_lines(held: Held, shown: int, more: str) -> Iterator[str]:
    if held.error:
        yield f"{held.service:<10} {held.error}"
        return
    growth = f"  since the last dump: {held.growth}" if held.growth else ""
    title = f"{held.service} {held.version}".strip()
    yield f"{title:<18} {screen.size(held.size):>8}  {held.headline}{growth}".rstrip()
    parts = held.parts[:shown]
    unit, width = UNITS.get(held.kind, held.kind), max((len(part.name) for part in parts), default=0)
    for part in parts:
        size = "" if part.size is None else screen.size(part.size)
        count = "" if part.count is None else counted(part.count, unit)
        yield f"  {part.name.ljust(max(width, 16))} {size:>8}  {count}".rstrip()
    # A service names its largest parts alone; of keys and folders it says how many there are, not of how many kinds.
    known = held.counts.get(held.kind) if held.kind in ("tables", "databases") else 0
    if (left := max(len(held.parts), known if isinstance(known, int) else 0) - len(parts)) > 0:
        yield f"  … {left:,} more{f' → {more}' if len(held.parts) > shown else ''}"


def _ago(created: str) -> str:
    """Return how long ago a time was, in words."""
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
