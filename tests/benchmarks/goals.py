"""What is to be reached, and whether it is: ratios of the same run's medians; seconds where those are meant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OURS = "kraftwerk"


@dataclass(frozen=True)
class Goal:
    """A bound for one of our jobs.

    Attributes:
        limit: the most that the ratio to `against` may be; or the seconds, without it.
        against: the job that ours is compared with.
        ours: the job that it is about.
        minus: take the difference to `against` in seconds instead of the ratio.
    """

    limit: float
    against: str = ""
    ours: str = OURS
    minus: bool = False

    @property
    def text(self) -> str:
        """Return it as it stands in the table: `≤ 0.6 × pyinfra`."""
        who = f"{self.ours}: " if self.ours != OURS else ""
        if self.minus:
            return f"{who}≤ {self.limit:g} s over {self.against}"
        return f"{who}≤ {self.limit:g} × {self.against}" if self.against else f"{who}≤ {self.limit:g} s"

    def value(self, times: Mapping[str, Sequence[float]]) -> float:
        """Return what was reached."""
        own = median(times[self.ours])
        if not self.against:
            return own
        other = median(times[self.against])
        return own - other if self.minus else own / other

    def spread(self, times: Mapping[str, Sequence[float]]) -> tuple[float, float]:
        """Return the least and the most that single rounds reached."""
        rounds = zip(times[self.ours], times[self.against or self.ours], strict=True)
        found = [
            Goal(self.limit, self.against, self.ours, self.minus).value(
                {self.ours: [a], self.against or self.ours: [b]}
            )
            for a, b in rounds
        ]
        return min(found), max(found)

    def met(self, times: Mapping[str, Sequence[float]]) -> bool:
        """Tell whether it is reached."""
        return self.value(times) <= self.limit
