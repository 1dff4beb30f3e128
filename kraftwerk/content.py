"""What files hold, as hashes: two releases with the same ones are the same, whatever git and their numbers say."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from kraftwerk.errors import KraftwerkError

SHORT = 12  # hexadecimal digits that tell contents apart


def hashes(root: Path, names: Sequence[str]) -> dict[str, str]:
    """Return a hash of each file below a folder, by its path; remote/planned.py makes the same on a node.

    Raises:
        KraftwerkError: one can't be read, or is gone by now.
    """
    try:
        return {name: _hash(root / name) for name in names}
    except OSError as error:
        raise KraftwerkError(f"{error.filename or root} can't be sent: {error.strerror or error}") from error


def again(root: Path, found: Mapping[str, str], since: float) -> dict[str, str]:
    """Return hashes as they are by now: of files that were changed since a time, they are made anew.

    Raises:
        KraftwerkError: as `hashes`.
    """
    edited = [name for name in found if _changed(root / name) >= since]
    return {**found, **hashes(root, edited)}


def _changed(path: Path) -> float:
    """Return when a file, its mode or its name was changed last; one that is gone was changed just now."""
    try:
        return path.lstat().st_ctime
    except OSError:
        return float("inf")


def digest(found: Mapping[str, str]) -> str:
    """Return what stands for all files together, their names included; nothing for none."""
    if not found:
        return ""
    lines = "".join(f"{name}\0{found[name]}\n" for name in sorted(found))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()[:SHORT]


def _hash(path: Path) -> str:
    """Return a file's hash; a link stands for where it leads to, and whether a file may be run counts, too."""
    if path.is_symlink():
        return hashlib.sha256(b"link " + os.fsencode(path.readlink())).hexdigest()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    found.update(b"x" if path.stat().st_mode & 0o100 else b"")
    return found.hexdigest()
