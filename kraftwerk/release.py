"""Releases of an instance on a node: their records, and which one is live."""

import getpass
import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kraftwerk import __version__
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

KEEP = 5  # releases kept by prune

NEW, LIVE, PREVIOUS, FAILED, ROLLED_BACK, SERVED = "new", "live", "previous", "failed", "rolled-back", "served"
HEALTHY = (LIVE, PREVIOUS, ROLLED_BACK)  # the gate let these through once


@dataclass(frozen=True)
class Release:
    """One deployed version; `release.json` in its folder.

    Attributes:
        state: new (being deployed, or interrupted), live, previous, failed, rolled-back, or served (nobody deployed
            what it came to be, and nobody goes back to it).
        commit: what git calls the source; dirty: files differ from it.
        who, when: who deployed it, and when it began, in UTC.
        seconds: how long that took.
        virtualenv: the name of its folder in venvs.
        migrations: how many were applied on its way.
        reason: why it failed.
        served: `kraftwerk serve --full` changes its files as they are saved, while it is live.
    """

    number: int
    state: str = NEW
    commit: str = ""
    dirty: bool = False
    who: str = ""
    when: str = ""
    seconds: float = 0.0
    virtualenv: str = ""
    migrations: int = 0
    reason: str = ""
    served: bool = False
    kraftwerk: str = __version__

    def as_json(self) -> str:
        """Return the record on one line."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Release":
        """Return the release of a record; keys of newer versions are passed over.

        Raises:
            ValueError, TypeError, AttributeError: it is damaged.
        """
        plain: dict[str, Any] = json.loads(text)
        found = cls(**{key: value for key, value in plain.items() if key in cls.__dataclass_fields__})
        if "/" in found.virtualenv or found.virtualenv.startswith("."):
            raise ValueError(f"{found.virtualenv!r} is not the name of a folder")
        return found

    @property
    def left(self) -> str:
        """Return the state that it has once it isn't live any more."""
        return SERVED if self.served else PREVIOUS

    @property
    def version(self) -> str:
        """Return the source's commit as it is shown."""
        return f"{self.commit[:8]}{'+' if self.dirty else ''}" if self.commit else "-"


@dataclass(frozen=True)
class History:
    """What an instance is on a node right now.

    Attributes:
        releases: by number.
        live: the number of the release that is live, or None.
        live_slot: a or b, or empty when nothing is live.
        slots: the release of each slot that has one.
        python: the version of the node's Python; empty when it isn't there yet.
        pythons: all versions of Python 3 that the node has, such as 3.11.
        free: kilobytes left on the disk of /web.
        packages: what the live release's virtualenv holds: versions by normalized name.
        virtualenv: its name.
        converged: the mark of what the node was converged to, if it still counts (see converged.py).
        hosted: all instances on the node, by name.
    """

    releases: Mapping[int, Release] = field(default_factory=dict)
    live: int | None = None
    live_slot: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)
    python: str = ""
    pythons: tuple[str, ...] = ()
    free: int = 0
    virtualenv: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    converged: str = ""
    hosted: Mapping[str, Instance] = field(default_factory=dict)

    @property
    def next_number(self) -> int:
        """Return the number of the next release."""
        return max(self.releases, default=0) + 1

    @property
    def free_slot(self) -> str:
        """Return the slot that isn't live."""
        return "b" if self.live_slot == "a" else "a"

    def earlier(self, number: int | None = None) -> Release:
        """Return the release to go back to.

        Args:
            number: which one; else the newest one that was live and wasn't rolled back.

        Raises:
            KraftwerkError: there is none, it is live already, or it never was healthy.
        """
        healthy = [each for each in self.releases.values() if each.state in (PREVIOUS, ROLLED_BACK)]
        fitting = [each for each in healthy if each.number == number or (number is None and each.state == PREVIOUS)]
        if fitting:
            return fitting[-1]
        kept = ", ".join(str(each.number) for each in healthy) or "none"
        cause = "there is no earlier release" if number is None else f"release {number} can't be gone back to"
        live = " (it is live)" if number is not None and number == self.live else ""
        raise KraftwerkError(f"{cause}{live}; releases to go back to: {kept}", next_command="kraftwerk releases")

    def surplus(self, keep: int = KEEP) -> list[int]:
        """Return the releases to prune.

        All but the newest healthy ones, the live one, the one that a rollback goes to, those in slots, and the last.
        """
        healthy = sorted(number for number, release in self.releases.items() if release.state in HEALTHY)
        previous = [number for number in healthy if self.releases[number].state == PREVIOUS]
        kept = {*healthy[-keep:], *previous[-1:], self.live, *self.slots.values(), max(self.releases, default=0)}
        return sorted(set(self.releases) - kept)


def read(connection: Connection, instance: Instance) -> History:
    """Read the state of an instance from its node, in one round trip.

    Raises:
        KraftwerkError: the node can't be reached, or a record is damaged.
    """
    printed = connection.script(script("history"), instance.name, instance.python).stdout.decode(errors="replace")
    return parse(printed)


def read_live(connection: Connection, instance: Instance) -> History:
    """Read which release of an instance is live, in which slot, and nothing else.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    return parse(connection.script(script("live"), instance.name).stdout.decode(errors="replace"))


def parse(printed: str) -> History:
    """Return the history that `history.sh` or `live.sh` printed.

    Raises:
        KraftwerkError: a record is damaged.
    """
    facts = [line.split("\t", 1) for line in printed.splitlines() if "\t" in line]
    first = dict(reversed(facts))
    live = _number(first.get("current", ""))
    slots = {slot: _number(first.get(f"slots/{slot}", "")) for slot in ("a", "b")}
    return History(
        releases=_releases((value for name, value in facts if name == "release"), live),
        live=live,
        live_slot=first.get("slots/live", "") if live is not None else "",
        slots={slot: number for slot, number in slots.items() if number is not None},
        python=first.get("python", ""),
        pythons=tuple(sorted({value for name, value in facts if name == "has"})),
        free=int(first.get("free", "0").strip() or 0),
        virtualenv=first.get("venv", "").rpartition("/")[2],
        packages=dict(_package(value) for name, value in facts if name == "package"),
        converged=first.get("converged", ""),
        hosted=_hosted(value for name, value in facts if name == "instance"),
    )


def _releases(records: Iterable[str], live: int | None) -> dict[int, Release]:
    """Return releases by number. Live is what `current` says, whatever an interrupted deploy left in records."""
    found = {}
    for record in records:
        try:
            release = Release.from_json(record)
        except (AttributeError, TypeError, ValueError) as error:
            raise KraftwerkError(f"a damaged release.json: {record[:80]!r} ({error})") from error
        if release.number == live:
            release = replace(release, state=LIVE)
        elif release.state == LIVE:
            release = replace(release, state=release.left)
        found[release.number] = release
    return dict(sorted(found.items()))


def _hosted(files: Iterable[str]) -> dict[str, Instance]:
    try:
        instances = [Instance.from_dict(json.loads(file)) for file in files]
    except (AttributeError, TypeError, ValueError) as error:
        raise KraftwerkError(f"a damaged file in the node's /var/lib/kraftwerk/instances ({error})") from error
    return {instance.name: instance for instance in instances}


def _number(link: str) -> int | None:
    number = link.rpartition("/")[2]
    return int(number) if number.isdecimal() else None


def _package(folder: str) -> tuple[str, str]:
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    return name.replace("_", "-").replace(".", "-").lower(), version


def begin(number: int, commit: str, dirty: bool, virtualenv: str) -> Release:
    """Return the record of a release that is being deployed now, by us."""
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Release(number, commit=commit, dirty=dirty, who=who, when=when, virtualenv=virtualenv)


def write(connection: Connection, instance: Instance, releases: Iterable[Release]) -> None:
    """Write the records of releases that exist on the node; of others, nothing."""
    words = [word for release in releases for word in (str(release.number), release.as_json())]
    connection.script(script("record"), instance.name, *words)


def mirror(connection: Connection, instance: Instance, number: int, into: Release) -> None:
    """Have the folder of a release be as another's is; of one that isn't there yet, the record is written, too."""
    connection.script(script("mirror"), instance.name, str(number), str(into.number), into.as_json())


def went_live(history: History, number: int, *, rolled_back: bool = False) -> list[Release]:
    """Return the records that change when a release becomes the live one.

    Args:
        rolled_back: whether the one that was live is left for an older one.
    """
    changed = [replace(history.releases[number], state=LIVE)]
    if history.live is not None and history.live != number and history.live in history.releases:
        before = history.releases[history.live]
        left = ROLLED_BACK if rolled_back and not before.served else before.left
        changed.append(replace(before, state=left))
    return changed


def prune(connection: Connection, instance: Instance, history: History, keep: int = KEEP) -> int:
    """Remove old releases and unused virtualenvs from the node; return how many releases went."""
    numbers = [str(number) for number in history.surplus(keep)]
    return int(connection.script(script("prune"), instance.name, *numbers).stdout)
