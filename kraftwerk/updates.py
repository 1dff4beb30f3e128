"""Packages of a node that wait to be upgraded, as far as its apt knows."""

from dataclasses import dataclass
from typing import Any

from kraftwerk import screen

DAY = 86400
OLD = 7 * DAY  # lists that are older are said to be


@dataclass(frozen=True)
class Updates:
    """What apt would upgrade by its lists as they are.

    Attributes:
        count: packages; security: those of them that mend a hole.
        waited: seconds since one for security was first seen to wait; 0 where none does.
        age: of the lists, in seconds.
    """

    count: int = 0
    security: int = 0
    waited: int = 0
    age: int = 0

    @property
    def words(self) -> str:
        """Return it in a few words: `3 updates, 1 security`."""
        what = "1 update" if self.count == 1 else f"{self.count or 'no'} updates"
        security = f", {self.security} security" if self.security else ""
        return f"{what}{security}{f' by lists of {screen.duration(self.age)} ago' if self.age > OLD else ''}"

    def complaint(self, limit: int) -> str:
        """Return what is wrong with it; empty where nothing is.

        Args:
            limit: days that an update for security may wait.
        """
        if not self.security or self.waited < limit * DAY:
            return ""
        what = "a security update waits" if self.security == 1 else f"{self.security} security updates wait"
        return f"{what}, for {screen.duration(self.waited)}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"count": self.count, "security": self.security, "waited": self.waited, "lists_age": self.age}


def parse(words: list[str]) -> Updates:
    """Return what a line of `health.sh` says: count, security, waited, age.

    Raises:
        ValueError: it makes no sense.
    """
    count, security, waited, age = map(int, words)
    return Updates(count, security, waited, max(age, 0))
