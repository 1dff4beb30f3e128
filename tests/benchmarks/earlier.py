"""A run of single rows takes the others from the page of an earlier run: the same machine, tools and nodes."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.growth import Point
from tests.benchmarks.report import Found, machine
from tests.benchmarks.rows import ROWS


def complete(found: Found, page: Path) -> bool:
    """Take in what wasn't measured now; tell whether that was possible, so that the page can be written anew.

    Args:
        page: the JSON that belongs to it.
    """
    if not page.exists():
        return False
    old = json.loads(page.read_text())
    same = (old["machine"], old["versions"], old["many"]) == (machine(), dict(found.versions), found.many)
    if not same or found.repeat < old["repeat"]:
        return False
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    times = {row["key"]: row["times"] for row in old["rows"]}
    measured = {row.key: seconds for row, seconds in found.rows}
    found.date, found.repeat = old["date"], old["repeat"]
    found.apart = old["apart"] | {row.title.format(many=found.many): now for row, _ in found.rows}
    found.rows = [(row, (times | measured)[row.key]) for row in ROWS if row.key in times | measured]
    if found.growth:
        found.apart["growth"] = now
    else:
        found.growth = {title: [Point(**point) for point in points] for title, points in old["growth"].items()}
        found.engine = old["engine"]
    return True
