"""What of a site is kept for how long: static files and uploads by browsers, pages for strangers by nginx."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import Value, Wrong, given, mapping_of, setting, text

DURATION = re.compile(r"([1-9]\d{0,8})([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LONGEST = 10 * 365 * SECONDS["d"]
OFF, IMMUTABLE = "off", "immutable"
MEANING = "a duration, such as 10s, 5m, 1h, 30d or 2w, or off"
UPLOADS = "/uploads/"
EARLIER = "30d"


def seconds(duration: str) -> int:
    """Return how long a duration such as `5m` is; 0 for off."""
    match = DURATION.fullmatch(duration)
    return int(match[1]) * SECONDS[match[2]] if match else 0


def duration(value: Value) -> str:
    """Parse a duration, of ten years at most."""
    written = text(rf"{DURATION.pattern}|{OFF}", MEANING)(value)
    if seconds(written) > LONGEST:
        raise Wrong(f"{written} is more than ten years")
    return written


def static_duration(value: Value) -> str:
    """Parse a duration, or `immutable`: for files whose names change with their content."""
    if getattr(value.node, "value", None) == IMMUTABLE:
        return IMMUTABLE
    try:
        return duration(value)
    except Wrong as error:
        raise Wrong(str(error).replace(MEANING, f"{MEANING}, or {IMMUTABLE}")) from error


@dataclass(frozen=True)
class Caching:
    """The keys of `caching`."""

    static: str = setting(static_duration, default=OFF)
    uploads: str = setting(duration, default=OFF)
    pages: Mapping[str, str] = setting(
        mapping_of(duration, r"/([\w.@~+-]+/)*[\w.@~+-]*", "a URL's path, such as / or /news/"), default_factory=dict
    )
    earlier: str = setting(duration, default=EARLIER)
    size: str = setting(text(r"[1-9]\d{0,4}[mg]", "a size, such as 100m or 2g"), default="100m")


def parse(value: Value) -> dict[str, Any]:
    """Parse what a file says of caching: the keys that it gives, so that those of several files merge."""
    return given(Caching, value)


def check(caching: Mapping[str, Any], static: Mapping[str, str], project: str) -> None:
    """See that no page is what nginx serves from a folder.

    Args:
        static: the URLs of static files, and their folders.
        project: whose it is, for the error.

    Raises:
        KraftwerkError: there is one (code 2).
    """
    for path in caching.get("pages", {}):
        if path in (*static, UPLOADS):
            key = "uploads" if path == UPLOADS else "static"
            raise KraftwerkError(
                f"{project}: caching.pages.{path}: nginx serves {path} from a folder, so that it is no page",
                next_command=f"caching.{key}: 30d, for how long browsers keep them",
                code=2,
            )
