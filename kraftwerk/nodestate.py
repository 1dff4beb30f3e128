"""How a node itself is, whatever runs on it: what it is busy with, what it has left, what waits to be done."""

from collections.abc import Iterator
from typing import Any

from kraftwerk import filling, problem
from kraftwerk.aspect import Aspect
from kraftwerk.health import Disk, Look
from kraftwerk.problem import Problem

SITES = ("site", "process", "backup")  # kinds of problems that are told of the sites themselves
TOLD = ("unreachable", "disk")  # and of any site
MAIN, MUCH = ("/", "/web"), 50  # disks that are always told of; percent of others from which on they are


def aspect(seen: Look) -> Aspect:
    """Return how a node is by a deep look at it; of one that can't be reached nothing is known."""
    if seen.unreachable:
        return Aspect()
    days = {disk.target: _days(seen, disk) for disk in seen.disks}
    return Aspect((_line(seen, days),), tuple(_findings(seen, days)), _plain(seen, days))


def _days(seen: Look, disk: Disk) -> float | None:
    """Return in how many days a disk is full, if that is known."""
    samples = seen.samples.get(disk.target, ())
    return filling.days([*samples, *((now, disk.used) for now in seen.moments[:1])], disk.left)


def _fills(left: float | None) -> bool:
    return left is not None and left <= filling.FAR


def _memory(seen: Look) -> int:
    """Return how much of the memory is in use, in percent."""
    total, available = seen.memory
    return round(100 * (total - available) / total) if total else 0


def _line(seen: Look, days: dict[str, float | None]) -> str:
    """Return it in one line: `load 0.2/2 · memory 41% · disk 11%, full in >90 days · 3 updates · clock +0.0s`."""
    shown = [disk for disk in seen.disks if disk.target in MAIN or disk.percent >= MUCH or _fills(days[disk.target])]
    disks = [f"disk{_where(disk)} {disk.percent}%{filling.words(days[disk.target])}" for disk in shown]
    updates = [seen.updates.words] if seen.updates else []
    first = [f"load {seen.load:.1f}/{seen.cores}", f"memory {_memory(seen)}%"]
    return " · ".join([*first, *disks, *updates, f"clock {seen.ahead:+.1f}s"])


def _where(disk: Disk) -> str:
    return "" if disk.target == "/" else f" of {disk.target}"


def _findings(seen: Look, days: dict[str, float | None]) -> Iterator[Problem]:
    found = (each for each in problem.found(seen) if each.kind not in SITES + TOLD)
    yield from (each for each in found if not problem.held(each, seen))
    yield from _full(seen, days)
    if seen.updates and (complaint := seen.updates.complaint(seen.limits["updates"])):
        yield Problem("updates", complaint, problem.on_node(seen, "apt-get upgrade"))
    if abs(seen.ahead) >= seen.limits["clock"]:
        words = f"the clock is {abs(seen.ahead):.0f} s {'ahead of' if seen.ahead > 0 else 'behind'} this computer's"
        yield Problem("clock", words, problem.on_node(seen, "timedatectl"))


def _full(seen: Look, days: dict[str, float | None]) -> Iterator[Problem]:
    """Yield disks that will be full soon; one that is too full already is told by every site."""
    for disk in seen.disks:
        left = days[disk.target]
        if left is not None and left < seen.limits["full"] and disk.percent < seen.limits["disk"]:
            words = f"the disk{_where(disk)} is {disk.percent}% full, and as it goes wholly in {filling.amount(left)}"
            yield Problem("full", words, problem.on_node(seen, f"du -xhd2 {disk.target}"))


def _plain(seen: Look, days: dict[str, float | None]) -> dict[str, Any]:
    disks: dict[str, dict[str, Any]] = {
        disk.target: {"percent": disk.percent, "inodes_percent": disk.inodes} for disk in seen.disks
    }
    for target, left in days.items():
        disks[target]["full_in_days"] = round(left, 1) if left is not None and _fills(left) else None
    return {
        "load": seen.load,
        "cores": seen.cores,
        "memory_percent": _memory(seen),
        "disks": disks,
        "updates": seen.updates.as_dict() if seen.updates else None,
        "clock_ahead": round(seen.ahead, 2),
        "reboot": seen.reboot is not None,
    }
