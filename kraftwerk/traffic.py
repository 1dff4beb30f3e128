"""What visitors of a site met lately, by nginx's log on its node."""

from dataclasses import dataclass
from typing import Any

from kraftwerk import screen

ENOUGH = 5  # errors; of fewer a share says nothing


@dataclass(frozen=True)
class Traffic:
    """The requests of the last minutes.

    Attributes:
        requests: all but our own looks and websockets; errors: those that were answered with 5xx.
        p95: milliseconds within which 95 of 100 were answered; None where nginx didn't note it.
        seconds: of how long that is.
    """

    requests: int = 0
    errors: int = 0
    p95: int | None = None
    seconds: int = 600

    @property
    def percent(self) -> float:
        """Return the share of errors."""
        return 100 * self.errors / self.requests if self.requests else 0.0

    @property
    def words(self) -> str:
        """Return it in one line: `5xx 0.1% · p95 120 ms · 340 requests in the last 10 min`."""
        when = f"in the last {screen.duration(self.seconds)}"
        if not self.requests:
            return f"no requests {when}"
        p95 = "" if self.p95 is None else f"p95 {_milliseconds(self.p95)} · "
        count = "1 request" if self.requests == 1 else f"{self.requests} requests"
        return f"5xx {self.percent:.1f}% · {p95}{count} {when}"

    def complaint(self, limit: int) -> str:
        """Return what is wrong with it; empty where nothing is.

        Args:
            limit: the share of errors that is too many, in percent.
        """
        if self.errors < ENOUGH or self.percent < limit:
            return ""
        when = f"in the last {screen.duration(self.seconds)}"
        return f"{self.errors} of {self.requests} requests {when} were answered with 5xx"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        found = {"requests": self.requests, "errors": self.errors, "error_percent": round(self.percent, 2)}
        return {**found, "p95_ms": self.p95, "seconds": self.seconds}


def parse(words: list[str]) -> Traffic:
    """Return what a line of `health.sh` says: requests, errors, p95, seconds.

    Raises:
        ValueError: it makes no sense.
    """
    requests, errors, p95, seconds = words
    return Traffic(int(requests), int(errors), int(p95) if p95 else None, int(seconds))


def _milliseconds(count: int) -> str:
    return f"{count} ms" if count < 1000 else f"{count / 1000:.1f} s"
