"""A move of an instance to another node on its way, and what is told of it at its end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from kraftwerk import replacement
from kraftwerk.hold import Hold
from kraftwerk.instance import Instance
from kraftwerk.moveplan import Plan
from kraftwerk.removal import PROCESSES
from kraftwerk.screen import Step

OnStep = Callable[[str], AbstractContextManager[Step]]


@dataclass
class Move:
    """A move on its way.

    Attributes:
        plan: what was shown and agreed to.
        step: shows a step by its name, for as long as it takes.
        plans: of the copy of each database.
        copied: seconds that the last copy of all data took.
        led: the old node has been left; None while nobody here knows.
        held: how long requests waited, and how many; once it is over.
    """

    plan: Plan
    step: OnStep
    locks: ExitStack = field(default_factory=ExitStack)
    plans: dict[str, replacement.Plan] = field(default_factory=dict)
    copied: float = 0.0
    led: bool | None = False
    held: Hold | None = None

    @property
    def instance(self) -> Instance:
        """Return the instance as it is on the new node while it is on its way."""
        return self.plan.into.instance

    @property
    def left(self) -> Instance:
        """Return the instance as the old node knows it in the end."""
        old, address = self.plan.source.instance, self.plan.into.node.host
        return replace(old, present=False, remove=(PROCESSES,), moved=address)

    def lines(self) -> Iterator[str]:
        """Yield what came of it, as it is printed."""
        name, into = self.instance.name, self.plan.into.node.name
        if self.held is None:
            yield f"{name} is on {into}   {self.instance.url}"
            return
        yield f"{name} is on {into}   {self.instance.url}"
        if not self.held.waited:
            yield f"the freeze took {self.held.seconds:.1f} s; no request came meanwhile"
            return
        refused = f"{self.held.refused} of them were answered 503" if self.held.refused else "none was refused"
        yield f"requests waited for {self.held.seconds:.1f} s at most: {self.held.waited} requests waited, {refused}"

    def as_dict(self) -> dict[str, Any]:
        """Return what came of it as plain JSON types."""
        held = self.held
        figures = {"seconds": held.seconds, "waited": held.waited, "refused": held.refused} if held else None
        return {**self.plan.as_dict(), "held": figures, "url": self.instance.url}
