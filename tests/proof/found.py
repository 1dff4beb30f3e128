"""What a proof found: its figures, and all that was not as it should be."""

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Found:
    """The outcome of a proof.

    Attributes:
        figures: what the page says, by its words.
        wrong: a line for each thing that was not as it should be.
    """

    figures: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def expect(self, holds, what):
        """Note what doesn't hold, and show it at once."""
        if not holds:
            self.wrong.append(what)
            print(f"    WRONG  {what}", flush=True)
        return holds

    def visited(self, seen, what=""):
        """Take in what visitors saw who must have failed never."""
        for failure, count in seen["failed"].items():
            self.expect(False, f"{what}{count} × {failure}")
        self.figures["requests"] = self.figures.get("requests", 0) + seen["answers"]
        self.figures["failed"] = self.figures.get("failed", 0) + sum(seen["failed"].values())
        self.figures["seconds"] = round(self.figures.get("seconds", 0) + seen["seconds"], 1)
        self.figures["requests/s"] = round(self.figures["requests"] / self.figures["seconds"])
        kinds = Counter(self.figures.get("kinds", {})) + Counter(seen["kinds"])
        self.figures["kinds"] = dict(kinds)
        for name in ("p99", "longest", "gap"):
            self.figures[name] = round(max(self.figures.get(name, 0), seen[name]), 3)
        self.figures.setdefault("median", round(seen["median"], 4))


def told(text):
    """Show how far it is."""
    print(f"    {time.strftime('%H:%M:%S')}  {text}", flush=True)
