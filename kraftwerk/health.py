"""One look at a node, in one round trip: what runs on it, what answers, and what it is running out of."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from kraftwerk import backuphealth, jobs, traffic, updates
from kraftwerk.backuphealth import BackupState
from kraftwerk.errors import KraftwerkError
from kraftwerk.jobs import Run
from kraftwerk.lockowner import Owner
from kraftwerk.node import Node
from kraftwerk.release import Release
from kraftwerk.remote import script
from kraftwerk.traffic import Traffic
from kraftwerk.transport import Connection
from kraftwerk.updates import Updates

PATIENCE = 20  # seconds; every question on the node has at most five
LIMITS = {  # of nodes without a list of their own, see salt/health/defaults.yaml
    **{"disk": 90, "inodes": 90, "memory": 5},
    **{"full": 7, "updates": 7, "clock": 5, "errors": 5, "certificate": 14},
}


@dataclass(frozen=True)
class Unit:
    """A unit of systemd that should be active.

    Attributes:
        name: of the problem that it is when it isn't: nginx, service/postgres …
        unit: what systemd calls it.
        state, enabled: systemd's ActiveState and UnitFileState.
        said: what the unit's probe complained of; empty where it was content, or there is none.
    """

    name: str
    unit: str
    state: str
    enabled: str = ""
    said: str = ""

    @property
    def works(self) -> bool:
        """Tell whether it does what it is there for."""
        return self.state in ("active", "reloading") and not self.said

    @property
    def meant(self) -> bool:
        """Tell whether it is off because somebody wanted it so: disabled or masked."""
        return self.enabled in ("disabled", "masked") and self.state == "inactive"


@dataclass(frozen=True)
class Ends:
    """That a process ended by itself lately: how often, how the last time, whether it was stopped, its last line."""

    count: int
    code: int
    signal: int
    stopped: bool
    line: str = ""

    @property
    def words(self) -> str:
        """Return it in one line."""
        how = f"exit code {self.code}" if self.code >= 0 else f"signal {self.signal}"
        what = f"ended {self.count} times" if self.count > 1 else "ended"
        return f"{what} ({how}){', stopped' if self.stopped else ''}{': ' + self.line if self.line else ''}"


@dataclass(frozen=True)
class Process:
    """A process that runit keeps.

    Attributes:
        name: web, or a worker's name; service: what runit calls it, which for web is the live slot.
        state: run, down, finish; warning or fail where nothing supervises it.
        seconds: for how long.
        meant: up or down, as runit starts it.
    """

    instance: str
    name: str
    service: str
    state: str
    seconds: int = 0
    meant: str = "up"


@dataclass(frozen=True)
class Led:
    """A web node that a balancer leads visitors to.

    Attributes:
        out: not for the moment.
        status: the HTTP status that it gives the balancer; 000 is no answer.
    """

    node: str
    out: bool
    status: str

    @property
    def works(self) -> bool:
        """Tell whether it answers well, as far as it is asked."""
        return self.out or self.status[:1] in ("2", "3")


@dataclass(frozen=True)
class Disk:
    """A mounted file system.

    Attributes:
        target: where; percent, inodes: how much of its space and of its inodes is in use.
        used, left: kilobytes.
    """

    target: str
    percent: int
    inodes: int
    used: int = 0
    left: int = 0


@dataclass(frozen=True)
class Look:
    """How a node is at one moment.

    Attributes:
        unreachable: why nothing could be seen; then all else is empty. `advice` is what to do about it.
        sites: the HTTP status of each instance that is deployed; 000 is no answer in time, refused nobody listening.
        maintenance: since when visitors of an instance are kept out, in seconds since 1970, and what they are told.
        memory: kilobytes, in all and available; oom: processes that the kernel killed for want of it since boot.
        load: how many processes ran or wanted to in the last minute; cores: how many can.
        moments: by the node's clock, when the look began and ended; ahead: seconds that it is ahead of ours, for sure.
        reboot: the packages that want one; None for no need.
        locks: kraftwerk's locks that somebody holds: `node`, or an instance's name.
        by_hand: those that somebody keeps without being at work just now, and who that is.
        backups: of each instance that is deployed, how its backups are.
        releases, records, workers, checks, jobs: of a deep look only. By instance the live release and whether its
            folder is there, its record, and how many gunicorns run and should; by instance and service what the service
            complained of; by instance and name the last run of cron jobs.
        ends: by instance and process, of those that ended by themselves within the last two minutes.
        samples: of a deep look, too: by disk, how many kilobytes were in use when.
        led: of instances that the node is the balancer of, the other web nodes.
        updates, traffic, certificates: as well. What waits to be upgraded, if apt knows; by instance what visitors met,
            and until when the certificate is valid, 0 where it can't be read.
    """

    node: str
    unreachable: str = ""
    advice: str = ""
    units: tuple[Unit, ...] = ()
    processes: tuple[Process, ...] = ()
    sites: Mapping[str, str] = field(default_factory=dict)
    maintenance: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    disks: tuple[Disk, ...] = ()
    memory: tuple[int, int] = (0, 0)
    oom: int = 0
    load: float = 0.0
    cores: int = 0
    moments: tuple[float, ...] = ()
    ahead: float = 0.0
    reboot: str | None = None
    locks: frozenset[str] = frozenset()
    by_hand: Mapping[str, Owner] = field(default_factory=dict)
    backups: Mapping[str, BackupState] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=lambda: dict(LIMITS))
    releases: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    records: Mapping[str, Release] = field(default_factory=dict)
    workers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    checks: Mapping[tuple[str, str], str] = field(default_factory=dict)
    ends: Mapping[tuple[str, str], Ends] = field(default_factory=dict)
    jobs: Mapping[tuple[str, str], Run] = field(default_factory=dict)
    led: Mapping[str, tuple[Led, ...]] = field(default_factory=dict)
    samples: Mapping[str, tuple[tuple[float, int], ...]] = field(default_factory=dict)
    updates: Updates | None = None
    traffic: Mapping[str, Traffic] = field(default_factory=dict)
    certificates: Mapping[str, int] = field(default_factory=dict)


def look(node: Node, *, deep: bool = False) -> Look:
    """Look at a node; one that can't be reached, or doesn't answer in time or in sense, is seen as that.

    Args:
        deep: for people who ask: what costs the node more than it is worth every half minute.

    Raises:
        KraftwerkError: our own configuration is broken, not the node (code 2).
    """
    arguments = ["deep"] if deep else []
    before = time.time()
    try:
        done = Connection(node).script(script("health"), *arguments, timeout=PATIENCE)
        printed = done.stdout.decode(errors="replace")
    except KraftwerkError as error:
        if error.code == 2:
            raise
        return Look(node.name, unreachable=error.cause, advice=error.next_command)
    after = time.time()
    try:
        seen = parse(node.name, printed)
        return replace(seen, ahead=ahead(seen.moments, before, after))
    except (IndexError, TypeError, ValueError) as error:
        return Look(node.name, unreachable=f"{node.name} gave an answer that makes no sense: {error}")


def ahead(moments: tuple[float, ...], before: float, after: float) -> float:
    """Return how many seconds a node's clock is ahead of ours, at least; 0 where the two may be the same.

    Args:
        moments: when it began and ended by the node's clock; that was between `before` and `after` by ours.
    """
    if len(moments) != 2:
        return 0.0
    return max(moments[1] - after, 0.0) + min(moments[0] - before, 0.0)


def parse(node: str, printed: str) -> Look:
    """Return the look that `health.sh` printed."""
    facts: dict[str, list[list[str]]] = {}
    for line in printed.splitlines():
        kind, *words = line.split("\t")
        facts.setdefault(kind, []).append(words)
    return Look(
        node,
        units=tuple(sorted((Unit(*words[:5]) for words in facts.get("unit", [])), key=lambda unit: unit.name)),
        processes=tuple(sorted(map(_process, facts.get("process", [])), key=lambda each: (each.instance, each.name))),
        sites={words[0]: words[1] for words in sorted(facts.get("site", []))},
        maintenance={words[0]: (int(words[1]), words[2]) for words in sorted(facts.get("maintenance", []))},
        disks=tuple(Disk(words[0], *map(int, words[1:5])) for words in facts.get("disk", [])),
        memory=(_number(facts.get("MemTotal:")), _number(facts.get("MemAvailable:"))),
        oom=_number(facts.get("oom_kill")),
        load=next((float(words[0]) for words in facts.get("load", [])), 0.0),
        cores=next((int(words[1]) for words in facts.get("load", [])), 0),
        moments=tuple(float(words[0]) for words in facts.get("clock", [])),
        reboot=facts["reboot"][0][0].strip() if "reboot" in facts else None,
        locks=frozenset(words[0] for words in facts.get("lock", [])),
        by_hand={words[0]: Owner.from_json(words[1]) for words in sorted(facts.get("byhand", []))},
        backups={words[0]: backuphealth.parse(words[1:]) for words in sorted(facts.get("backup", []))},
        limits=LIMITS | {words[0]: _number([words[1:]]) for words in facts.get("limit", [])},
        releases={words[0]: (words[1], words[2] == "there") for words in facts.get("release", [])},
        records=_records(facts.get("record", [])),
        workers={words[0]: (int(words[1] or 0), int(words[2] or 0)) for words in facts.get("workers", [])},
        ends={(words[0], words[1]): _ends(words[2:]) for words in facts.get("ends", [])},
        jobs={(words[0], words[1]): jobs.parse(words[2:]) for words in facts.get("cron", [])},
        checks={(words[0], words[1]): words[2] for words in facts.get("check", [])},
        led=_led(facts.get("led", [])),
        samples=_samples(facts.get("sample", [])),
        updates=next((updates.parse(words) for words in facts.get("updates", [])), None),
        traffic={words[0]: traffic.parse(words[1:]) for words in facts.get("traffic", [])},
        certificates={words[0]: int(words[1]) for words in facts.get("certificate", [])},
    )


def _led(found: Iterable[list[str]]) -> dict[str, tuple[Led, ...]]:
    led: dict[str, tuple[Led, ...]] = {}
    for instance, node, way, status in sorted(found):
        led[instance] = (*led.get(instance, ()), Led(node, way == "out", status))
    return led


def _samples(found: Iterable[list[str]]) -> dict[str, tuple[tuple[float, int], ...]]:
    """Return by disk what was noted; a line that a full disk cut off is left out."""
    samples: dict[str, tuple[tuple[float, int], ...]] = {}
    for words in found:
        with suppress(IndexError, ValueError):
            when, target, used = words[0], words[1], words[2]
            samples[target] = (*samples.get(target, ()), (float(when), int(used)))
    return samples


def _records(found: Iterable[list[str]]) -> dict[str, Release]:
    """Return the records of live releases; a damaged one is no reason to see nothing of the node."""
    records = {}
    for instance, record in found:
        with suppress(KraftwerkError):
            records[instance] = Release.from_json(record)
    return records


def _process(words: list[str]) -> Process:
    instance, name, service, state, seconds, meant = words
    return Process(instance, name, service, state, int(seconds) if seconds.isdecimal() else 0, meant)


def _ends(words: list[str]) -> Ends:
    count, how, stopped, line = words
    code, _, signal = how.partition(" ")
    return Ends(int(count), int(code or 0), int(signal or 0), bool(stopped), line)


def _number(found: Iterable[list[str]] | None) -> int:
    """Return the number of a fact that is printed once; 0 where it is missing."""
    return next((int(float(words[0])) for words in found or []), 0)
