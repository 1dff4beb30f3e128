"""What is found and what will be written, as it is printed."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from kraftwerk.adoption import describe
from kraftwerk.adoption.changes import Change
from kraftwerk.deployment import FILE
from kraftwerk.detect.finding import Caution, Detection

WIDTH = 34  # of a value, before its reason


def lines(found: Detection, changes: Sequence[Change], name: str) -> Iterator[str]:
    """Yield what adopting would do, and what to beware of."""
    facts = [found.framework or "framework unknown", f"{found.layout} layout", found.lock or "no requirements"]
    yield f"{name}: {', '.join(facts)}"
    for change in changes:
        yield f"  {click.style(change.path, bold=True)}  {change.summary()}"
        if change.path == FILE:
            yield from _findings(found)
        elif not change.path.startswith("pillar/"):
            added = (line for line in change.added() if line.strip() and not line.startswith(('"""', "#")))
            yield from (f"    + {line}" for line in added)
    open_, solved = _sorted(found.cautions)
    if solved:
        yield "Taken care of, though the code says otherwise"
        yield from (f"  ✓ {_told(each)}" for each in solved)
    if open_:
        yield "Beware"
        yield from (f"  ! {_told(each)}" for each in open_)


def as_dict(found: Detection, changes: Sequence[Change], name: str) -> dict[str, Any]:
    """Return the same for scripts."""
    return {
        "name": name,
        "framework": found.framework,
        "layout": found.layout,
        "requirements": found.lock,
        "kraftwerk.yaml": describe.values(found),
        "findings": [
            {"key": ".".join(each.keys), "value": each.value, "reason": each.reason, "place": _place(each.place)}
            for each in found.findings.values()
        ],
        "files": [{"path": each.path, "new": each.before is None, "reason": each.reason} for each in changes],
        "cautions": [
            {"text": each.text, "mend": each.mend, "place": _place(each.place), "solved": each.solved}
            for each in found.cautions
        ],
    }


def _findings(found: Detection) -> Iterator[str]:
    for each in found.findings.values():
        said = f"{'.'.join(each.keys)}: {describe.flow(each.value)}"
        yield f"    {said.ljust(WIDTH)}  {click.style(each.why, dim=True)}"


def _sorted(cautions: Sequence[Caution]) -> tuple[list[Caution], list[Caution]]:
    return [each for each in cautions if not each.solved], [each for each in cautions if each.solved]


def _told(caution: Caution) -> str:
    where = f" ({caution.place})" if caution.place else ""
    return f"{caution.text}{where}{' → ' + caution.mend if caution.mend else ''}"


def _place(place: object) -> str | None:
    return str(place) if place else None
