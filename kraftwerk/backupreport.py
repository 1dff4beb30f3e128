"""Backup points, and what became of them, as they are printed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kraftwerk import backupconfig, screen
from kraftwerk.backup import Point
from kraftwerk.counts import headline
from kraftwerk.screen import duration

HEADINGS = ("POINT", "NODE", "AGE", "SIZE", "HOLDS", "VERIFIED")
PLAN = ("POINT", "NODE", "SIZE", "", "WHY")
ON_THE_NODE = "kept on {node} itself: who loses the node loses it, too"


def row(point: Point) -> tuple[str, ...]:
    """Return a point's line in the list."""
    size = screen.size(point.stored) + (" age" if point.encrypted else "")
    return point.name, point.node, age(point.created), size, point.told, verified(point.verified)


def verified(how: Mapping[str, Any] | None) -> str:
    """Return what is known of the last rehearsal: `2 d ago`, or `sums 2 d ago` where only those were checked."""
    if not how:
        return "never"
    word = "" if how.get("kind") == "restore" else "sums "
    return word + age(datetime.fromisoformat(how["at"]))


def age(moment: datetime) -> str:
    """Return how long ago something was: `3 h ago`."""
    return f"{duration(int((datetime.now(UTC) - moment).total_seconds()))} ago"


def created(made: Mapping[str, Any], node: str) -> list[str]:
    """Return what is told of a point that was made."""
    held = " · ".join(f"{headline(each['service'], each['counts'])} ✓" for each in made["services"]) or "no services"
    size = screen.size(made["stored"]) + (", encrypted" if made["encrypted"] else "")
    lines = [f"{held}  →  {made['point']}  ({size}, {duration(made['seconds'])})  in {made['store']}"]
    if backupconfig.is_kept_there(made["store"]):
        elsewhere = "kraftwerk backup schedule --store s3://BUCKET"
        lines.append(f"{ON_THE_NODE.format(node=node)}  next: {elsewhere}")
    return lines


def rehearsed(how: Mapping[str, Any]) -> list[str]:
    """Return what is told of a rehearsal that went well."""
    lines = [f"  ✓ {phrase}" for phrase in how["checked"]]
    what = "the stored bytes are whole" if how["kind"] == "checksums" else "it can be restored"
    return [*lines, f"PASS {how['point']}: {what}, checked in {duration(how['seconds'])}"]


def plan_row(line: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line of what pruning would do."""
    return line["point"], line["node"], screen.size(line["size"]), line["action"], line["why"]


def pruned(points: int, gone: int) -> str:
    """Return what is told when pruning is over: how many points there were, and how many of them are gone."""
    if not points:
        return "There is no point yet."
    return f"Deleted {gone} of {points} points." if gone else "Nothing was deleted."
