"""Messages on their way: kept on disk until each channel took them, or a day is over. Channels are keys here."""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kraftwerk import flock
from kraftwerk.paths import private, reactor_home, write_atomic

FIRST_PAUSE, LONGEST_PAUSE = 30, 3600  # seconds between tries: doubled each time
GIVE_UP = 86400  # seconds

# Delivers a message to a channel; returns nothing when it arrived, else why not, and None where the channel is gone.
Deliver = Callable[[str, dict[str, Any]], str | None]
log = logging.getLogger("kraftwerk.alerts")


@dataclass(frozen=True)
class Waiting:
    """A message, when it was put here, and the channels left: how often each was tried, and when it is again."""

    message: dict[str, Any]
    put: float
    left: dict[str, tuple[int, float]]


def folder() -> Path:
    """Return the folder where messages wait; 0700."""
    return private(reactor_home() / "outbox")


def waiting() -> list[Path]:
    """Return the messages that wait, the oldest first."""
    return sorted(folder().glob("*.json"))


def put(message: dict[str, Any], keys: list[str]) -> None:
    """Have a message delivered to channels."""
    if keys:
        waiting = Waiting(message, time.time(), {key: (0, 0.0) for key in keys})
        _write(folder() / f"{time.time_ns()}-{os.getpid()}.json", waiting)


def deliver(deliver: Deliver, now: float | None = None) -> None:
    """Deliver what is due: to each channel in the order in which it was put here. One process does that at a time.

    Args:
        now: in seconds since 1970.
    """
    now = time.time() if now is None else now
    with flock.held(folder() / "lock", busy="alerts are being delivered already", timeout=120):
        stuck: set[str] = set()
        for path in waiting():
            one = _read(path)
            if one is None:
                continue
            left = dict(one.left)
            for key, (tries, due) in one.left.items():
                if key not in stuck and due <= now:
                    again = _try(deliver, one, key, tries, now)
                    left = {**left, key: again} if again else {each: left[each] for each in left if each != key}
                    _keep(path, replace(one, left=left))  # at once: who is killed now delivers no message twice
                stuck |= {key} & left.keys()


def _try(deliver: Deliver, waiting: Waiting, key: str, tries: int, now: float) -> tuple[int, float] | None:
    """Deliver a message; return when to try again, or nothing when it arrived or is given up."""
    title = waiting.message.get("title")
    reason = deliver(key, waiting.message)
    if not reason:
        return None
    if now - waiting.put > GIVE_UP:
        log.error("an alert is given up after a day: %s (%s)", title, reason)
        return None
    log.warning("an alert could not be delivered and is tried again: %s (%s)", title, reason)
    return tries + 1, now + min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE)


def _keep(path: Path, waiting: Waiting) -> None:
    if waiting.left:
        _write(path, waiting)
    else:
        path.unlink()


def _write(path: Path, waiting: Waiting) -> None:
    write_atomic(path, json.dumps(asdict(waiting)))


def _read(path: Path) -> Waiting | None:
    """Return a message; a damaged one is dropped, as it would be in the way of all others for ever."""
    try:
        plain = json.loads(path.read_text())
        return Waiting(plain["message"], plain["put"], {key: tuple(left) for key, left in plain["left"].items()})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.error("%s is damaged and was dropped: %s", path, error)
        path.unlink(missing_ok=True)
        return None
