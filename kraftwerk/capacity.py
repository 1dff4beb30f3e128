"""What a site takes of its node: workers, preloading, timeout, each with its reason; and whether two releases fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kraftwerk import nodemodule
from kraftwerk.instance import Instance

SPARE = 32  # megabytes that shall be left


@dataclass(frozen=True)
class Capacity:
    """What a node has, and what the live release takes of it.

    Attributes:
        cores: how many.
        memory, available: megabytes in all, and for more processes, swap included.
        generation: megabytes that the live release's web takes; 0 when nothing is live.
        running: how many workers of it run.
    """

    cores: int = 0
    memory: int = 0
    available: int = 0
    generation: int = 0
    running: int = 0


@dataclass(frozen=True)
class Choice:
    """A value that was chosen, and why; no reason where the project's files say it."""

    name: str
    value: Any
    reason: str

    def __str__(self) -> str:
        """Return it as in `4 workers (two for each core, 2)`."""
        words = {"workers": f"{self.value} workers", "timeout": f"timeout {self.value} s"}
        text = words.get(self.name, self.name if self.value else f"no {self.name}")
        return f"{text} ({self.reason or 'as the project says'})"


@dataclass(frozen=True)
class Room:
    """Whether a second generation of web fits beside the one that serves.

    Attributes:
        fits: it does, with all its workers.
        boots: how many workers it starts with; the others follow when the old ones have stopped.
        needed, available: megabytes.
        words: the same for people.
    """

    fits: bool
    boots: int
    needed: int
    available: int
    words: str


def parse(facts: Sequence[Sequence[str]]) -> Capacity:
    """Return what `history.sh` printed of a node's cores and memory.

    Args:
        facts: names and values.
    """
    found = {fact[0]: fact[1] for fact in facts}
    kilobytes = {name: int(found.get(name, 0)) for name in ("MemTotal:", "MemAvailable:", "SwapFree:")}
    takes = [int(value) for name, value in facts if name == "takes"]
    return Capacity(
        cores=int(found.get("cores", 0)),
        memory=kilobytes["MemTotal:"] // 1024,
        available=(kilobytes["MemAvailable:"] + kilobytes["SwapFree:"]) // 1024,
        generation=sum(takes) // 1024,
        running=max(len(takes) - 1, 0),
    )


def choose(instance: Instance, capacity: Capacity) -> tuple[Choice, ...]:
    """Return how many workers an instance has on a node, whether they preload, and their timeout; each with the reason.

    The states choose by the same function (salt/project/map.jinja).
    """
    given = {**instance.as_dict(), "workers": instance.scale.get("web") or instance.workers}
    chosen: Mapping[str, tuple[Any, str]] = nodemodule.load("kw_capacity").choose(
        capacity.cores, capacity.memory, given
    )
    return tuple(Choice(name, value, reason) for name, (value, reason) in chosen.items())


def workers(instance: Instance, capacity: Capacity) -> int:
    """Return how many gunicorn workers an instance has on a node."""
    return next(int(choice.value) for choice in choose(instance, capacity) if choice.name == "workers")


def room(instance: Instance, capacity: Capacity) -> Room:
    """Tell whether the next release can boot beside the live one with all its workers, by what that one takes now.

    Where none runs, nothing is said.
    """
    wanted = workers(instance, capacity)
    if not capacity.running:
        return Room(True, wanted, 0, capacity.available, "")
    needed = round(capacity.generation / (capacity.running + 1) * (wanted + 1))
    if capacity.available - needed >= SPARE:
        words = f"two releases fit: the new one takes {needed} MB, and {capacity.available} MB are free"
        return Room(True, wanted, needed, capacity.available, words)
    words = f"two releases don't fit: the new one takes {needed} MB, and {capacity.available} MB are free"
    later = f"; it boots with 1 of {wanted} workers, the others follow when the old one has stopped"
    return Room(False, 1, needed, capacity.available, words + (later if wanted > 1 else ""))
