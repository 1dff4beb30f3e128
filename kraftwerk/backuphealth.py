"""How the backups of an instance are, by what its node recorded of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kraftwerk.screen import duration, size

FAILED = {
    "failure": "failed",
    "verify": "could not be restored, tried",
    "sums": "could not be read back, tried",
    "prune": "could not be pruned, tried",
}
DETAIL = 160  # characters of a reason that are told


@dataclass(frozen=True)
class BackupState:
    """What a node says of an instance's backups.

    Attributes:
        patience: seconds after which the newest point is too old; 0 where none is expected.
        now: the node's clock, in seconds since 1970; `since`: when the schedule came there, 0 where there is none.
        alive: a backup, a rehearsal or pruning is under way.
        record: what the last ones left (`_modules/kw_backup.py`).
    """

    patience: int
    now: float
    since: float
    alive: bool
    record: Mapping[str, Any]

    @property
    def text(self) -> str:
        """Return it in a few words: `3 h ago, 212 kB, verified 2 d ago`; empty where there never was one."""
        made = self.record.get("success")
        if not made:
            return ""
        where = ", on this node only" if made["store"].startswith("local:") else ""
        return f"{self._ago(made['at'])}, {size(made['stored'])}{where}, {self._verified()}"

    def _verified(self) -> str:
        """Return when a restore was rehearsed, or else the stored bytes were looked at."""
        for key, words in (("verify", "verified"), ("sums", "sums checked")):
            if found := self.record.get(key):
                return f"{words} {self._ago(found['at'])}"
        return "never verified"

    @property
    def complaint(self) -> str:
        """Return what is wrong with them; empty where nothing is."""
        record = self.record
        if (running := record.get("running")) and not self.alive:
            return f"was killed {self._ago(running['at'])}"
        for key, words in FAILED.items():
            if (found := record.get(key)) and not found["ok"]:
                return f"{words} {self._ago(found['at'])}: {found['cause'][:DETAIL]}"
        made = record.get("success")
        # A new schedule counts from when it came there.
        last = max(_seconds(made["created"]), self.since) if made else self.since
        if self.patience and self.now - last > self.patience:
            if made:
                return f"the last one is {duration(int(self.now - _seconds(made['created'])))} old"
            return f"none was made in the {duration(int(self.now - last))} since they were scheduled"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types: ages in seconds, None for what never was."""
        made, verified = self.record.get("success"), self.record.get("verify")
        return {
            "age": self._age(made["at"]) if made else None,
            "verified": self._age(verified["at"]) if verified and verified["ok"] else None,
            "complaint": self.complaint,
        }

    def _age(self, moment: str) -> int:
        return max(0, int(self.now - _seconds(moment)))

    def _ago(self, moment: str) -> str:
        return f"{duration(self._age(moment))} ago"


def parse(words: list[str]) -> BackupState:
    """Return what a line of `health.sh` says: patience, now, since, alive, and the record as JSON.

    Raises:
        ValueError: it makes no sense.
    """
    patience, now, since, alive, record = words
    found = json.loads(record or "{}")
    return BackupState(int(patience or 0), float(now), float(since or 0), alive == "alive", found)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
