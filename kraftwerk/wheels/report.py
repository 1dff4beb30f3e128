"""What `kraftwerk wheels` prints."""

from collections.abc import Sequence
from typing import Any

from kraftwerk import screen
from kraftwerk.wheels.gap import Gap
from kraftwerk.wheels.house import House
from kraftwerk.wheels.wheel import Wheel

HEADINGS = ("NAME", "VERSION", "FOR", "SIZE", "SHA256", "WHEN", "WHO", "FROM")


def as_dict(wheel: Wheel) -> dict[str, Any]:
    """Return a wheel as plain JSON types."""
    plain = {key: getattr(wheel, key) for key in ("name", "version", "tags", "sha256", "time", "who", "source")}
    return {**plain, "file": wheel.path.name}


def gap_as_dict(gap: Gap) -> dict[str, Any]:
    """Return a gap as plain JSON types."""
    return {"requirement": gap.requirement, "by": gap.by, "reason": gap.reason, "command": gap.command}


def row(wheel: Wheel) -> tuple[str, ...]:
    """Return a wheel's line in the table."""
    size = screen.size(wheel.path.stat().st_size) if wheel.path.is_file() else "lost"
    day = wheel.time[:10] or "-"
    return (
        *(wheel.name, wheel.version, wheel.tags, size, wheel.sha256[:12] or "-"),
        *(day, wheel.who or "-", wheel.source or "-"),
    )


def added(house: House, new: Sequence[Wheel], same: Sequence[Wheel]) -> list[str]:
    """Return what became of wheels that were to be added."""
    lines = [f"{wheel.pin} ({wheel.tags}){f' from {wheel.source}' if wheel.source else ''}" for wheel in new]
    count = f"{len(new)} added" if new else "Nothing to add"
    there = f", {len(same)} there already" if same else ""
    return [*lines, f"{count}{there}: {house.folder} has {_wheels(len(house.wheels))}"]


def tell(house: House, found: tuple[Sequence[Wheel], Sequence[Wheel]], as_json: bool) -> None:
    """Print what became of wheels that were to be added: the new ones, and those that were there."""
    new, same = found
    if as_json:
        screen.emit_json({"added": [as_dict(each) for each in new], "there": [each.pin for each in same]})
    else:
        screen.say("\n".join(added(house, new, same)))


def checked(house: House, problems: Sequence[tuple[str, str]]) -> list[str]:
    """Return what `verify` found."""
    if not problems:
        return [f"{house.folder}: {_wheels(len(house.wheels))}, each as it was recorded"]
    return [*(f"{name}: {problem}" for name, problem in problems), f"{len(problems)} problems in {house.folder}"]


def _wheels(count: int) -> str:
    return f"{count} wheel{'' if count == 1 else 's'}"
