"""What the gate asks of a new release: the keys below `gate:` in kraftwerk.yaml and its pillar files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kraftwerk.instance import Instance
from kraftwerk.node import HOSTNAME
from kraftwerk.schema import Value, Wrong, given, list_of, number, setting, text

path = text(r"/[\w.~!$&'()*+,;=:@%/?-]*", "a URL's path, such as /")
ACCEPTED = ("200-399",)


def seconds(value: Value) -> float:
    """Parse a time in seconds, such as 0.5."""
    written = text(r"\d{1,4}(\.\d{1,3})?", "seconds, such as 0.5")(value)
    if not float(written):
        raise Wrong("must be more than nothing")
    return float(written)


@dataclass(frozen=True)
class Rule:
    """How the gate asks, and what passes.

    Attributes:
        path: the URL's path; empty is that of `health`.
        host: the name that is asked for; empty is the site's first domain.
        accept: statuses, such as 200, or ranges of them, such as 200-399.
        each: seconds for one answer; within: in all; interval: seconds from one question to the next.
    """

    path: str = setting(path, default="")
    host: str = setting(text(HOSTNAME.pattern, "a domain, such as www.example.com"), default="")
    accept: tuple[str, ...] = setting(
        list_of(text(r"[1-5]\d\d(-[1-5]\d\d)?", "a status, such as 200, or a range, such as 200-399"), or_one=True),
        default=ACCEPTED,
    )
    each: int = setting(number(1, 600), default=5)
    within: int = setting(number(1, 3600), default=30)
    interval: float = setting(seconds, default=0.5)

    def accepts(self, status: int) -> bool:
        """Tell whether a status passes."""
        return any(low <= status <= high for low, high in map(_range, self.accept))

    @property
    def ranges(self) -> list[str]:
        """Return what passes, as the node's script takes it: 404 is 404-404."""
        return [f"{low}-{high}" for low, high in map(_range, self.accept)]


def parse(value: Value) -> dict[str, Any]:
    """Parse what a file says of the gate: the keys that it gives, so that those of several files merge."""
    return given(Rule, value)


def of(instance: Instance) -> Rule:
    """Return the rule of an instance: what it says, over the defaults."""
    known = {key: value for key, value in instance.gate.items() if key in Rule.__dataclass_fields__}
    if isinstance(known.get("accept"), Sequence):
        known["accept"] = tuple(known["accept"])
    return Rule(**known)


def url(instance: Instance, rule: Rule) -> str:
    """Return the whole URL that the gate asks for."""
    return f"{instance.scheme}://{rule.host or instance.domains[0]}{rule.path or instance.health}"


def _range(written: str) -> tuple[int, int]:
    low, _, high = written.partition("-")
    return int(low), int(high or low)
