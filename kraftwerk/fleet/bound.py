"""How many nodes are worked at at once: as many as the cores and the memory here carry."""

import os
from pathlib import Path

WAITS = 16  # for each core: work that waits for its node most of the time
RENDERS = 4  # for each core: work that renders states and pillar here
LIGHT, HEAVY = 8 << 20, 32 << 20  # bytes that a worker and its programs take, without Salt and with it
ROOM = 0.5  # the part of the free memory that they may take
MEMORY = Path("/proc/meminfo")


def at_once(wanted: int | None, *, heavy: bool) -> int:
    """Return how many nodes are worked at at the same time.

    Args:
        wanted: what the user said, which counts.
        heavy: with Salt.
    """
    if wanted:
        return wanted
    cores = len(os.sched_getaffinity(0))
    by_memory = int(free() * ROOM / (HEAVY if heavy else LIGHT))
    return max(1, min(cores * (RENDERS if heavy else WAITS), by_memory))


def free() -> int:
    """Return the bytes of memory that are free here; where the kernel doesn't say it, what is plenty."""
    try:
        facts = dict(line.split(":") for line in MEMORY.read_text().splitlines())
        return int(facts["MemAvailable"].removesuffix("kB")) * 1024
    except (KeyError, OSError, ValueError):
        return 1 << 40
