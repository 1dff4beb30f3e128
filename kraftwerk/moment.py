"""A moment in the past, as a user says it: an hour ago, or by the calendar."""

import time
from datetime import datetime

from kraftwerk import caching
from kraftwerk.errors import KraftwerkError

MEANING = "such as 30m, 1h, 2d, 2026-11-22 or '2026-11-22 14:30'"


def parse(text: str) -> float:
    """Return a moment in seconds since 1970; what names no zone is by our own clock.

    Args:
        text: how long ago, such as `90s`, `30m`, `1h`, `2d` or `1w`; or a date, with a time or without.

    Raises:
        KraftwerkError: it is neither (code 2).
    """
    if ago := caching.seconds(text):
        return time.time() - ago
    try:
        return datetime.fromisoformat(text).timestamp()
    except (OverflowError, ValueError) as error:
        raise KraftwerkError(f"{text!r} is no moment", next_command=f"one {MEANING}", code=2) from error


def shown(stamp: float) -> str:
    """Return a moment as it is printed: by our own clock, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp))


def iso(stamp: float) -> str:
    """Return a moment for scripts: with its zone, to the microsecond."""
    return datetime.fromtimestamp(stamp).astimezone().isoformat()
