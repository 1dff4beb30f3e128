"""One side of how something is: what there is to read of it, what is wrong with it, and the same for scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kraftwerk.problem import Problem


@dataclass(frozen=True)
class Aspect:
    """What was seen of a site, or of a node.

    Attributes:
        lines: for people who want to see all of it.
        findings: what is wrong with it, each with what to do about it.
        plain: all of it as plain JSON types.
    """

    lines: tuple[str, ...] = ()
    findings: tuple[Problem, ...] = ()
    plain: Mapping[str, Any] = field(default_factory=dict)
