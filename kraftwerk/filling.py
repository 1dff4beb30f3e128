"""When a disk will be full, if it goes on as it did."""

import math
import statistics
from collections.abc import Sequence
from itertools import combinations

DAY = 86400
FAR = 90  # days; what is further away is not worth a number


def days(samples: Sequence[tuple[float, int]], left: int) -> float | None:
    """Return in how many days a disk is full: infinity where it isn't getting fuller, None where too little is known.

    The straight line is as steep as the median of those through each two samples, or through each two of the later
    half, if that is less: a step, such as a load of data or a clean-up, tells nothing of the days to come.

    Args:
        samples: seconds since 1970, and how much was in use then; the last is now.
        left: how much is left now, in the same unit.
    """
    if not samples or samples[-1][0] - samples[0][0] < DAY:
        return None
    steep = min(_steep(samples), _steep(samples[len(samples) // 2 :]))
    return left / steep / DAY if steep > 0 else math.inf


def _steep(samples: Sequence[tuple[float, int]]) -> float:
    """Return how much more is in use each second; infinity where one sample alone tells nothing."""
    each = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(samples, 2) if b[0] > a[0]]
    return statistics.median(each) if each else math.inf


def words(found: float | None) -> str:
    """Return it in a few words, to stand after how full a disk is: `, full in 12 days`; empty where it isn't known."""
    if found is None:
        return ""
    if found > FAR:
        return f", full in >{FAR} days"
    return f", full in {amount(found)}"


def amount(found: float) -> str:
    """Return a number of days in words: less than a day, 1 day, 12 days."""
    whole = int(found)
    return "less than a day" if whole < 1 else "1 day" if whole == 1 else f"{whole} days"
