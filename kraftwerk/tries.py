"""How often something was tried on a node: what doesn't help is not done again and again."""

import json
import time
from pathlib import Path

from kraftwerk import flock
from kraftwerk.paths import private, reactor_home, write_atomic

LIMIT, HOUR = 3, 3600  # tries for each problem within an hour


def take(node: str, problem: str, now: float | None = None) -> float:
    """Take one of the tries that a node's problem has left.

    Args:
        now: in seconds since 1970.

    Returns:
        0, or where none is left the time of the next one.
    """
    now = time.time() if now is None else now
    with flock.held(private(reactor_home()) / "tries.lock", busy="the list of tries is locked"):
        tries = {key: [each for each in times if each > now - HOUR] for key, times in _read().items()}
        mine = tries.setdefault(f"{node} {problem}", [])
        if len(mine) >= LIMIT:
            return mine[0] + HOUR
        mine.append(now)
        write_atomic(_file(), json.dumps({key: times for key, times in tries.items() if times}))
    return 0


def _file() -> Path:
    return reactor_home() / "tries.json"


def _read() -> dict[str, list[float]]:
    try:
        found: dict[str, list[float]] = json.loads(_file().read_text())
        return found
    except (OSError, ValueError):
        return {}
