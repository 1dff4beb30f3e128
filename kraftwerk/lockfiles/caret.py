"""Poetry's own way to write versions (^1.2, ~1.2, 1.*), as everybody else writes them."""

import re

SPACE = re.compile(r"\s*,\s*|(?<=[\w*])\s+(?=[<>=!~^])")  # what stands between the parts of a constraint


def specifier(constraint: str) -> str:
    """Return a constraint of poetry or of a Pipfile in the words of PEP 440; empty where any version will do.

    Of alternatives (`||`), which PEP 440 doesn't have, the last one counts: it is the newest.
    """
    return alternatives(constraint)[-1]


def alternatives(constraint: str) -> list[str]:
    """Return all alternatives of a constraint in the words of PEP 440."""
    return [",".join(filter(None, map(_part, SPACE.split(each.strip())))) for each in constraint.split("||")]


def _part(part: str) -> str:
    part = part.strip()
    found = re.fullmatch(r"(\^|~(?!=)|[<>=!~]=|===|[<>=])?\s*v?([\w.*+!-]+)", part)
    if part in ("", "*") or not found:
        return ""
    sign, version = found[1] or "", found[2]
    if sign in ("^", "~"):
        return f">={version},<{_next(version, sign)}"
    return f"{'==' if sign in ('', '=') else sign}{version}"


def _next(version: str, sign: str) -> str:
    """Return the first version that is not meant any more."""
    numbers = [int(each) for each in re.findall(r"\d+", version.partition("-")[0])][:3]
    if sign == "~":
        last = min(1, len(numbers) - 1)
    else:  # what comes first and isn't 0 must stay
        last = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
    return ".".join(map(str, [*numbers[:last], numbers[last] + 1]))
