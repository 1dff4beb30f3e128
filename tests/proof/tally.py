"""What visitors saw: answers and failures by kind, how long they took, and which releases answered."""

import time
from collections import Counter


class Tally:
    """Counts of one run."""

    def __init__(self):
        self.began = self.last = time.monotonic()
        self.answers, self.failed, self.releases = Counter(), Counter(), Counter()
        self.seconds = []  # that quick requests took
        self.gap = 0.0  # from one answer to the next, whoever got them

    def answered(self, kind, release, seconds=None):
        """Note an answer; the seconds of those only that mean to be quick."""
        now = time.monotonic()
        self.answers[kind] += 1
        self.releases[release] += 1
        self.gap, self.last = max(self.gap, now - self.last), now
        if seconds is not None:
            self.seconds.append(seconds)

    def wrong(self, kind, why):
        """Note a failure."""
        self.failed[f"{kind}: {why}"] += 1

    def now(self):
        """Return what can be said at any moment."""
        return {"answers": self.answers.total(), "failed": dict(self.failed), "releases": dict(self.releases)}

    def whole(self):
        """Return all of it, at the end."""
        lasted, ordered = time.monotonic() - self.began, sorted(self.seconds) or [0]
        return self.now() | {
            "seconds": round(lasted, 1),
            "rate": round(self.answers.total() / lasted, 1),
            "kinds": dict(self.answers),
            "median": ordered[len(ordered) // 2],
            "p99": ordered[len(ordered) * 99 // 100],
            "longest": ordered[-1],
            "gap": max(self.gap, time.monotonic() - self.last),
        }
