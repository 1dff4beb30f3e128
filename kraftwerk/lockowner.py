"""Who holds a lock, for those who find it taken."""

import getpass
import json
import os
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STAMP = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Owner:
    """Who holds a lock.

    Attributes:
        user, host, pid: whose process it is; of a lock taken by hand, no process (0).
        command: what it runs, such as `kraftwerk deploy`.
        since: in UTC; until: by when it ends by itself, if it was taken by hand with an end.
        message: why it was taken by hand.
    """

    user: str
    host: str
    pid: int
    command: str
    since: str
    message: str = ""
    until: str = ""

    @property
    def by_hand(self) -> bool:
        """Tell whether it was taken by hand: then it stays when the command that took it has ended."""
        return not self.pid

    @property
    def who(self) -> str:
        """Return whose process it is, and where."""
        return f"{self.user}@{self.host}"

    @property
    def words(self) -> str:
        """Return who it is, what for and since when."""
        if not self.by_hand:
            return f"{self.who} ({self.command}, process {self.pid}) since {clock(self.since)}"
        until = f" until {clock(self.until)}" if self.until else ""
        return f"{self.who} by hand since {clock(self.since)}{until}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {**asdict(self), "by_hand": self.by_hand}

    def as_json(self) -> str:
        """Return it on one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Owner":
        """Return the owner that `as_json` wrote, maybe by another version; of what nobody can read, nobody known."""
        try:
            plain = json.loads(text)
            return cls(**{key: plain[key] for key in cls.__dataclass_fields__ if key in plain})
        except (TypeError, ValueError, AttributeError):
            return cls("somebody", "somewhere", 1, "an unknown command", "")


def ours(message: str = "", seconds: float = 0) -> Owner:
    """Return ourselves as an owner.

    Args:
        message: why it is taken by hand; then it isn't this process that holds it.
        seconds: for how long it is taken by hand; 0 for ever.
    """
    now = time.time()
    until = stamp(now + seconds) if seconds else ""
    return Owner(
        getpass.getuser(), socket.gethostname(), 0 if message else os.getpid(), _command(), stamp(now), message, until
    )


def stamp(seconds: float) -> str:
    """Return a moment as it is written down."""
    return time.strftime(STAMP, time.gmtime(seconds))


def clock(moment: str) -> str:
    """Return a moment that was written down as our clock shows it; with the day, unless that is today."""
    import calendar

    try:
        local = time.localtime(calendar.timegm(time.strptime(moment, STAMP)))
    except ValueError:
        return "an unknown time"
    return time.strftime("%H:%M:%S" if local[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M", local)


def _command() -> str:
    """Return program and verb; what else was said may be nobody's business."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([name, *(word for word in sys.argv[1:2] if not word.startswith("-"))])
