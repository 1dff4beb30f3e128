"""How much has passed by, and how fast: `12.3 MB, 4.1 MB/s`."""

import time

from kraftwerk import screen
from kraftwerk.screen import OnProgress

OFTEN = 0.2  # seconds between two words on how far it is


class Flow:
    """Bytes that go from one place to another.

    Attributes:
        sent: how many there were so far.
    """

    def __init__(self, on_progress: OnProgress) -> None:
        self.sent = 0
        self._on_progress = on_progress
        self._began, self._told = time.monotonic(), 0.0

    def add(self, count: int) -> None:
        """Count bytes that went, and tell of it a few times a second."""
        self.sent += count
        if (now := time.monotonic()) - self._told > OFTEN:
            self._told = now
            rate = self.sent / max(now - self._began, 0.001)
            self._on_progress(f"{screen.size(self.sent)}, {screen.size(rate)}/s")
