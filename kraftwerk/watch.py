"""What is known of nodes' problems from look to look: raised once, cleared once, also by a reactor that restarts."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kraftwerk.health import Look
from kraftwerk.paths import state_home, write_atomic
from kraftwerk.problem import Problem, found, held

AGAIN = 5  # seconds after which what changed is looked at a second time
REMIND = 600  # seconds after which a problem that stays is told of again, for another try to mend it; then doubled
OOM_LASTS = 600  # seconds for which it is a problem that the kernel killed a process for want of memory
FLAPS, HOUR, CALM = 3, 3600, 600  # raised 3 times within an hour, it is cleared only after 600 s without it


@dataclass(frozen=True)
class Known:
    """A problem that a node has.

    Attributes:
        since: when it was first seen, in seconds since 1970, as all times here.
        raised: whether that was told; until a second look confirms it, it is a suspicion.
        told: when it was last told; absent: since when it isn't seen any more, 0 while it is.
    """

    name: str
    detail: str
    advice: str = ""
    since: float = 0
    raised: bool = False
    told: float = 0
    absent: float = 0

    @property
    def problem(self) -> Problem:
        """Return the problem itself."""
        return Problem(self.name, self.detail, self.advice)


@dataclass(frozen=True)
class Change:
    """What is to be told of a node: a problem was raised, persists, or was cleared."""

    what: str
    node: str
    known: Known

    @property
    def tag(self) -> str:
        """Return the event's tag."""
        return f"kraftwerk/node/{self.node}/{self.what}"

    @property
    def data(self) -> dict[str, Any]:
        """Return the event's data."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.known.since))
        known = self.known
        return {
            "node": self.node,
            "problem": known.name,
            "detail": known.detail,
            "advice": known.advice,
            "since": since,
        }


@dataclass(frozen=True)
class Watched:
    """A node as it is known.

    Attributes:
        problems: by name; times: when each was raised within the last hour.
        oom: how many processes its kernel had killed at the last look; oom_until: how long the last one counts.
    """

    problems: Mapping[str, Known] = field(default_factory=dict)
    times: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    oom: int | None = None
    oom_until: float = 0

    @property
    def uncertain(self) -> bool:
        """Tell whether a second look is wanted soon: something just came, or went."""
        return any(not known.raised or (known.absent and not self.flaps(name)) for name, known in self.problems.items())

    def flaps(self, name: str) -> bool:
        """Tell whether a problem comes and goes."""
        return len(self.times.get(name, ())) >= FLAPS


def judge(before: Watched, look: Look, now: float) -> tuple[Watched, list[Change]]:
    """Return what is known after a look, and what is to be told of it.

    What is seen by two looks, one after the other, is raised; what is missing in two is cleared. What somebody is at
    work on stays as it was, and so does all else while a node can't be reached.
    """
    if not look.unreachable:
        before = _count_oom(before, look, now)
    seen = {problem.name: problem for problem in [*found(look), *_oom(before, now)]}
    problems: dict[str, Known] = {}
    changes: list[Change] = []
    for name in {**seen, **before.problems}:
        problem, known = seen.get(name), before.problems.get(name)
        if held(problem or Problem(name, ""), look) or (look.unreachable and name != "unreachable"):
            after, what = known, ""
        elif problem is not None:
            after, what = _seen(problem, known, now)
        else:
            after, what = _missed(before, before.problems[name], now)
        if after is not None and what != "cleared":
            problems[name] = after
        if after is not None and what:
            changes.append(Change(what, look.node, after))
    return replace(before, problems=problems, times=_times(before, changes, now)), changes


def _seen(problem: Problem, known: Known | None, now: float) -> tuple[Known, str]:
    """Return what becomes of a problem that a look saw, and what is to be told."""
    if known is None:
        return Known(problem.name, problem.detail, problem.advice, since=now), ""
    known = replace(known, detail=problem.detail, advice=problem.advice, absent=0)
    if not known.raised:
        return replace(known, raised=True, told=now), "raised"
    if now - known.told >= max(REMIND, known.told - known.since):
        return replace(known, told=now), "persists"
    return known, ""


def _missed(before: Watched, known: Known, now: float) -> tuple[Known | None, str]:
    """Return what becomes of a problem that a look didn't see, and what is to be told."""
    if not known.raised:
        return None, ""
    if not known.absent:
        return replace(known, absent=now), ""
    calm = CALM if before.flaps(known.name) else 0
    return known, "cleared" if now - known.absent >= calm else ""


def _times(before: Watched, changes: Iterable[Change], now: float) -> dict[str, tuple[float, ...]]:
    """Return when problems were raised within the last hour."""
    times = {name: tuple(each for each in old if each > now - HOUR) for name, old in before.times.items()}
    for change in changes:
        if change.what == "raised":
            times[change.known.name] = (*times.get(change.known.name, ()), now)
    return {name: found for name, found in times.items() if found}


def _count_oom(before: Watched, look: Look, now: float) -> Watched:
    """Return what is known after the kernel's count of killed processes was read; a reboot begins it anew."""
    grew = before.oom is not None and look.oom > before.oom
    return replace(before, oom=look.oom, oom_until=now + OOM_LASTS if grew else before.oom_until)


def _oom(before: Watched, now: float) -> list[Problem]:
    if now >= before.oom_until:
        return []
    return [Problem("memory", "the kernel killed a process for want of memory", "dmesg on the node tells which")]


def file() -> Path:
    """Return the path of what is known of all nodes."""
    return state_home() / "reactor" / "health.json"


def load() -> dict[str, Watched]:
    """Return what is known of nodes by name; a damaged file is none."""
    try:
        return {name: _from_json(entry) for name, entry in json.loads(file().read_text()).items()}
    except (AttributeError, OSError, TypeError, ValueError):
        return {}


def _from_json(entry: Mapping[str, Any]) -> Watched:
    problems = {name: Known(**known) for name, known in entry["problems"].items()}
    times = {name: tuple(found) for name, found in entry["times"].items()}
    return Watched(problems, times, entry["oom"], entry["oom_until"])


def save(watched: Mapping[str, Watched]) -> None:
    """Write what is known of nodes."""
    write_atomic(file(), json.dumps({name: asdict(each) for name, each in watched.items()}))


def raised() -> list[tuple[str, Known]]:
    """Return the problems that nodes have right now, as the reactor told of them: the node's name, and what it is."""
    return [(name, known) for name, each in load().items() for known in each.problems.values() if known.raised]
