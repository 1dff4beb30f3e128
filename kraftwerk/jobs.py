"""The last run of a cron job, as its node keeps it (salt/project/files/job.jinja)."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from kraftwerk import moment


@dataclass(frozen=True)
class Run:
    """The last run of a job.

    Attributes:
        began, ended: seconds since 1970; ended is None while it runs, and where it was interrupted.
        code: its exit code.
        by: empty for cron, `hand` for `kraftwerk cron run`.
        running: it is under way.
        skipped: how often its time came meanwhile.
    """

    began: float = 0.0
    ended: float | None = None
    code: int | None = None
    by: str = ""
    running: bool = False
    skipped: int = 0

    @property
    def ran(self) -> bool:
        """Tell whether it ever ran."""
        return bool(self.began)

    @property
    def failed(self) -> bool:
        """Tell whether it ended otherwise than well."""
        return self.ran and not self.running and self.code != 0

    @property
    def seconds(self) -> float | None:
        """Return how long it took."""
        return None if self.ended is None else round(self.ended - self.began, 2)

    @property
    def took(self) -> str:
        """Return the same in words."""
        return "-" if self.seconds is None else f"{self.seconds:.1f}s"

    @property
    def words(self) -> str:
        """Return what became of it, in a few words."""
        if not self.ran:
            return "has not run yet"
        if self.running:
            skipped = f", skipped {self.skipped} times meanwhile" if self.skipped else ""
            return f"runs for {time.time() - self.began:.0f}s{skipped}"
        if self.code is None:
            return "interrupted"
        return "ok" if self.code == 0 else f"exit code {self.code}"

    @property
    def when(self) -> str:
        """Return when it began, by our clock."""
        return moment.shown(self.began) if self.ran else "-"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return asdict(self) | {"seconds": self.seconds, "failed": self.failed}


def parse(words: list[str]) -> Run:
    """Return the run that `health.sh` printed: whether it runs, how often it was skipped, and its record.

    A record that is damaged is none, as of a job that never ran: it must not hide how the rest of the node is.
    """
    running, skipped, record = words
    plain: Mapping[str, Any] = {}
    with suppress(ValueError):
        plain = json.loads(record)
    known = {key: plain[key] for key in ("began", "ended", "code", "by") if key in plain}
    return Run(**known, running=bool(running), skipped=int(skipped) if running else 0)
