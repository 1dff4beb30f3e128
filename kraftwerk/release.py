"""Releases of an instance on a node: their records, and which one is live."""

import getpass
import json
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kraftwerk import __version__, caching, capacity, diskroom, savepoint
from kraftwerk.capacity import Capacity
from kraftwerk.diskroom import Room
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.savepoint import Savepoint
from kraftwerk.transport import Connection

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
        reason: why it failed; phase: in which phase of its deploy; or, while it is new, how far that came at least.
        served: `kraftwerk serve --full` changes its files as they are saved, while it is live.
        content: the hash of what was uploaded (content.py), the same wherever the same was deployed.
        mark: drawn by lot for each deploy: what tells it from another one of the same content.
        beside: its workers and cron jobs, when it went live; empty where that isn't known.
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
    phase: str = ""
    served: bool = False
    content: str = ""
    mark: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict, hash=False)
    kraftwerk: str = __version__

    def as_json(self) -> str:
        """Return the record on one line."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Release":
        """Return the release of a record; keys of newer versions are passed over.

        Raises:
            KraftwerkError: it is damaged.
        """
        try:
            plain: dict[str, Any] = json.loads(text)
            found = cls(**{key: value for key, value in plain.items() if key in cls.__dataclass_fields__})
            if "/" in found.virtualenv or found.virtualenv.startswith("."):
                raise ValueError(f"{found.virtualenv!r} is not the name of a folder")
        except (AttributeError, TypeError, ValueError) as error:
            raise KraftwerkError(f"a damaged release.json: {text[:80]!r} ({error})") from error
        return found

    @property
    def left(self) -> str:
        """Return the state that it has once it isn't live any more."""
        return SERVED if self.served else PREVIOUS

    @property
    def cut_off(self) -> bool:
        """Tell of the live one, by its record, whether what made it live was cut off behind the switch."""
        return self.state in (NEW, PREVIOUS, ROLLED_BACK)

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
        room: of the disk of /web.
        savepoints: what was saved before releases migrated, the oldest first.
        packages: what the live release's virtualenv holds: versions by normalized name.
        virtualenv: its name.
        converged: the mark of what the node was converged to, if it still counts (see converged.py).
        hosted: all instances on the node, by name.
        capacity: cores and memory of the node.
        cut_off: what made the live release live was cut off behind the switch.
    """

    releases: Mapping[int, Release] = field(default_factory=dict)
    live: int | None = None
    live_slot: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)
    python: str = ""
    pythons: tuple[str, ...] = ()
    room: Room = field(default_factory=Room)
    savepoints: tuple[Savepoint, ...] = ()
    virtualenv: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    converged: str = ""
    hosted: Mapping[str, Instance] = field(default_factory=dict)
    capacity: Capacity = field(default_factory=Capacity)
    cut_off: bool = False

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

    def surplus(self, keep: int) -> list[int]:
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


def parse(printed: str) -> History:
    """Return the history that `history.sh` or `live.sh` printed.

    Raises:
        KraftwerkError: a record is damaged.
    """
    facts = [line.split("\t", 1) for line in printed.splitlines() if "\t" in line]
    first = dict(reversed(facts))
    live = _number(first.get("current", ""))
    records = [Release.from_json(value) for name, value in facts if name == "release"]
    slots = {slot: _number(first.get(f"slots/{slot}", "")) for slot in ("a", "b")}
    return History(
        releases=_releases(records, live, first.get("phase", "")),
        live=live,
        live_slot=first.get("slots/live", "") if live is not None else "",
        slots={slot: number for slot, number in slots.items() if number is not None},
        python=first.get("python", ""),
        pythons=tuple(sorted({value for name, value in facts if name == "has"})),
        room=diskroom.parse(first.get("disk", "")),
        savepoints=savepoint.parse(value for name, value in facts if name == "savepoint"),
        virtualenv=first.get("venv", "").rpartition("/")[2],
        packages=dict(package(value) for name, value in facts if name == "package"),
        converged=first.get("converged", ""),
        hosted=_hosted(value for name, value in facts if name == "instance"),
        capacity=capacity.parse(facts),
        cut_off=any(each.cut_off for each in records if each.number == live),
    )


def _releases(records: Iterable[Release], live: int | None, under_way: str) -> dict[int, Release]:
    """Return releases by number. Live is what `current` says, whatever an interrupted deploy left in records.

    Args:
        under_way: the number of the release that a deploy was last at work on, and the phase.
    """
    found, (begun, _, phase), left = dict[int, Release](), under_way.partition(" "), 0
    for release in records:
        if release.number == live:
            release = replace(release, state=LIVE)
        elif release.state == LIVE:
            left, release = max(left, release.number), replace(release, state=release.left)
        elif release.state == NEW and str(release.number) == begun:
            release = replace(release, phase=phase)
        found[release.number] = release
    # A newer one was live: a rollback was cut off behind its switch. The next one must not go forward to that again.
    passed = (each for each in found.values() if live is not None and live < each.number <= left)
    found |= {each.number: replace(each, state=ROLLED_BACK) for each in passed if each.state == PREVIOUS}
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


def package(folder: str) -> tuple[str, str]:
    """Return the name and the version that the name of a package's `.dist-info` folder says."""
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


def went_live(
    history: History, release: Release, slot: str, *, rolled_back: bool = False
) -> tuple[History, list[Release]]:
    """Return the history once a release is the live one, and the records that this changes.

    Args:
        slot: where it runs; no other does any more.
        rolled_back: nothing is deployed, and the one that was live is given up if it is the newer one.
    """
    changed = [replace(release, state=LIVE)]
    if history.live is not None and history.live != release.number and history.live in history.releases:
        before = history.releases[history.live]
        left = ROLLED_BACK if rolled_back and release.number < before.number and not before.served else before.left
        changed.append(replace(before, state=left))
        # Those in between are gone back behind, too: what is live next is undone to this one, and not to them.
        passed = (each for each in history.releases.values() if release.number < each.number < before.number)
        changed += [replace(each, state=ROLLED_BACK) for each in passed if rolled_back and each.state == PREVIOUS]
        newer = (each for each in history.releases.values() if before.number < each.number < release.number)
        changed += [each for each in newer if each.state == ROLLED_BACK]  # by one that was cut off, maybe
    found = {**history.releases, **{each.number: each for each in changed}}
    return replace(history, releases=found, live=release.number, live_slot=slot, slots={slot: release.number}), changed


def prune(connection: Connection, instance: Instance, history: History, keep: int | None = None) -> int:
    """Remove old releases, and what only they needed, from the node; return how many releases went.

    Args:
        keep: how many may stay, if not as many as the instance says.
    """
    numbers = [str(number) for number in history.surplus(instance.keep if keep is None else keep)]
    minutes = caching.seconds(instance.caching.get("earlier", caching.EARLIER)) // 60
    return int(connection.script(script("prune"), instance.name, str(minutes), *numbers).stdout)
