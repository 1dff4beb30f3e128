"""What was accepted before, so that the same is not accepted again: digests on disk, the last ones of each project."""

import os
from pathlib import Path

from kraftwerk.paths import private, reactor_home, write_atomic

LAST = 2000  # digests kept for each project; what is older is refused by its time, or is no branch's tip any more


def file_of(project: str) -> Path:
    """Return the file of a project's digests."""
    return reactor_home() / "accepted" / project


def known(project: str, digest: str) -> bool:
    """Tell whether a digest was written down before."""
    return digest in _digests(project)


def remember(project: str, digest: str) -> None:
    """Write a digest down; it is on the disk when this returns."""
    path = file_of(project)
    private(path.parent)
    before = _digests(project)
    if len(before) >= 2 * LAST:
        write_atomic(path, "".join(f"{each}\n" for each in before[-LAST:]))
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{digest}\n")
        file.flush()
        os.fsync(file.fileno())


def _digests(project: str) -> list[str]:
    path = file_of(project)
    return path.read_text().split() if path.exists() else []
