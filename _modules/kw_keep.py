"""
Which backup points are kept: the newest of each of the last days, weeks, months. Pure: it deletes nothing.
"""

import datetime
import platform
import re

__virtualname__ = "kw_keep"
STAMP = "%Y%m%dT%H%M%S"
PERIODS = {"h": "hour", "d": "day", "w": "week", "m": "month", "y": "year"}
RULE = re.compile(r"([1-9]\d*)([hdwmy])")


def __virtual__():
    """Load on Linux only, as all that uses it."""
    if platform.system() != "Linux":
        return False, "kw_keep: backups are made on Linux only"
    return __virtualname__


def reasons(points, policy):
    """
    Why points are kept, as ``{point: [reason, …]}``; those that no reason keeps are missing.

    points
        ``{point: whether it was verified}``; a point is its time in UTC, such as ``20261120T030000``.
    policy
        Such as ``7d,4w,12m``: the newest point of each of the last 7 days that have one, and so on; or ``all``.

    The newest point is kept in any case, and so is the newest that was verified. Periods that have no point don't
    count: what is there is not deleted because backups have stopped. Raises ``ValueError`` for a policy that makes no
    sense.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_keep.reasons '{"20261120T030000": true, "20261119T030000": false}' 7d,4w
    """
    rules = _rules(policy)
    found = {}
    newest_first = sorted(points, reverse=True)
    for point in newest_first[:1]:
        found.setdefault(point, []).append("newest")
    for point in [each for each in newest_first if points[each]][:1]:
        found.setdefault(point, []).append("newest verified")
    for count, period in rules:
        seen = set()
        for point in newest_first:
            key = _period(point, period)
            if key not in seen and len(seen) < count:
                seen.add(key)
                found.setdefault(point, []).append(PERIODS[period])
    if policy.strip() == "all":
        return {point: [*found.get(point, []), "all"] for point in newest_first}
    return {point: found[point] for point in newest_first if point in found}


def _rules(policy):
    if policy.strip() == "all":
        return []
    found = [RULE.fullmatch(word.strip()) for word in policy.split(",")]
    if not all(found):
        raise ValueError(f"{policy!r} doesn't say what to keep; such as 7d,4w,12m, or all")
    return [(int(rule[1]), rule[2]) for rule in found]


def _period(point, period):
    """The hour, day, week, month or year of a point."""
    time = datetime.datetime.strptime(point, STAMP)
    if period == "w":
        return tuple(time.isocalendar())[:2]
    return point[: {"h": 11, "d": 8, "m": 6, "y": 4}[period]]
