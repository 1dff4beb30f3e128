"""One look at a node, in one round trip: what runs on it, what answers, and what it is running out of."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from kraftwerk import backuphealth, jobs
from kraftwerk.backuphealth import BackupState
from kraftwerk.errors import KraftwerkError
from kraftwerk.jobs import Run
from kraftwerk.lockowner import Owner
from kraftwerk.node import Node
from kraftwerk.release import Release
from kraftwerk.remote import script
from kraftwerk.transport import Connection

PATIENCE = 20  # seconds; every question on the node has at most five
LIMITS = {"disk": 90, "inodes": 90, "memory": 5}  # of nodes without a list of their own, see salt/health/defaults.yaml


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
class Disk:
    """A mounted file system: where, and how much of its space and its inodes is in use, in percent."""

    target: str
    percent: int
    inodes: int


@dataclass(frozen=True)
class Look:
    """How a node is at one moment.

    Attributes:
        unreachable: why nothing could be seen; then all else is empty. `advice` is what to do about it.
        sites: the HTTP status of each instance that is deployed; 000 is no answer in time, refused nobody listening.
        maintenance: since when visitors of an instance are kept out, in seconds since 1970, and what they are told.
        memory: kilobytes, in all and available; oom: processes that the kernel killed for want of it since boot.
        reboot: the packages that want one; None for no need.
        locks: kraftwerk's locks that somebody holds: `node`, or an instance's name.
        by_hand: those that somebody keeps without being at work just now, and who that is.
        backups: of each instance that is deployed, how its backups are.
        releases, records, workers, checks, jobs: of a deep look only. By instance the live release and whether its
            folder is there, its record, and how many gunicorns run and should; by instance and service what the service
            complained of; by instance and name the last run of cron jobs.
        ends: by instance and process, of those that ended by themselves within the last two minutes.
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


def look(node: Node, *, deep: bool = False) -> Look:
    """Look at a node; one that can't be reached, or doesn't answer in time or in sense, is seen as that.

    Args:
        deep: for people who ask: what costs the node more than it is worth every half minute.

    Raises:
        KraftwerkError: our own configuration is broken, not the node (code 2).
    """
    arguments = ["deep"] if deep else []
    try:
        done = Connection(node).script(script("health"), *arguments, timeout=PATIENCE)
        printed = done.stdout.decode(errors="replace")
    except KraftwerkError as error:
        if error.code == 2:
            raise
        return Look(node.name, unreachable=error.cause, advice=error.next_command)
    try:
        return parse(node.name, printed)
    except (IndexError, TypeError, ValueError) as error:
        return Look(node.name, unreachable=f"{node.name} gave an answer that makes no sense: {error}")


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
        disks=tuple(Disk(words[0], int(words[1]), int(words[2])) for words in facts.get("disk", [])),
        memory=(_number(facts.get("MemTotal:")), _number(facts.get("MemAvailable:"))),
        oom=_number(facts.get("oom_kill")),
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
    )


def _records(found: Iterable[list[str]]) -> dict[str, Release]:
    """Return the records of live releases; a damaged one is no reason to see nothing of the node."""
    records = {}
    for instance, record in found:
        with suppress(AttributeError, TypeError, ValueError):
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
