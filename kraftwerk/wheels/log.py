"""The release_log of a wheelhouse: a line for each wheel, with its hash, when it came and who brought it."""

import getpass
import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import write_atomic
from kraftwerk.requirements_text import normal
from kraftwerk.wheels import wheel
from kraftwerk.wheels.wheel import Wheel

FILE = "release_log"
HEADING = "# name version tags sha256 time who [from]: written by kraftwerk wheels"
HASH = re.compile(r"[0-9a-f]{64}")
# What the deployer of 2016 wrote: `release: typing==3.0.2 typing-3.0.2-py2.py3-none-any.whl at 2016-05-04T10:11:12`.
# Its lines about installs and errors tell of virtualenvs, not of wheels.
FORMER = re.compile(r"release: (?P<name>\S+)==(?P<version>\S+) (?P<file>\S+\.whl) at (?P<time>\S+)")
FORMER_OTHERS = ("install:", "error:", "aborting:")


def file(folder: Path) -> Path:
    """Return the log of a folder of wheels: in it, or beside it, where former tools kept theirs."""
    beside = folder.parent / FILE
    return beside if beside.is_file() and not (folder / FILE).is_file() else folder / FILE


def read(folder: Path) -> list[Wheel]:
    """Return what the log records; a later line about the same wheel wins.

    Raises:
        KraftwerkError: a line can't be understood; file and line are named (code 2).
    """
    path = file(folder)
    if not path.is_file():
        return []
    files = {found.key: found.path for found in _files(folder)}
    found: dict[tuple[str, str, str], Wheel] = {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        words = line.strip()
        if not words or words.startswith(("#", *FORMER_OTHERS)):
            continue
        entry = _former(folder, words) or _entry(folder, words)
        if entry is None:
            cause = f"{path}:{number}: not a line of a release_log: {words[:80]!r}"
            raise KraftwerkError(cause, next_command=HEADING.lstrip("# ").partition(":")[0], code=2)
        found[entry.key] = replace(entry, path=files.get(entry.key, entry.path))
    return list(found.values())


def write(folder: Path, wheels: Iterable[Wheel]) -> None:
    """Write the log of a folder, at once; one that lay beside it stays as it was."""
    lines = [" ".join(filter(None, _words(each))) for each in wheels]
    write_atomic(folder / FILE, "\n".join([HEADING, *lines, ""]), mode=0o644)


def signed(entry: Wheel) -> Wheel:
    """Return an entry as recorded now, by us."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return replace(entry, time=when, who=f"{getpass.getuser()}@{socket.gethostname()}")


def _files(folder: Path) -> Iterator[Wheel]:
    """Yield the files of a folder that are named as wheels are."""
    for path in sorted(folder.glob("*.whl")):
        with suppress(KraftwerkError):
            yield wheel.parse(path)


def _words(entry: Wheel) -> tuple[str, ...]:
    stamp = (entry.time or "-", entry.who or "-")
    return (entry.name, entry.version, entry.tags, entry.sha256 or "-", *stamp, entry.source)


def _entry(folder: Path, line: str) -> Wheel | None:
    words = line.split(None, 6)
    if len(words) < 6 or not (HASH.fullmatch(words[3]) or words[3] == "-"):
        return None
    name, version, tags, digest, when, who = ("" if word == "-" else word for word in words[:6])
    path = folder / f"{name.replace('-', '_')}-{version}-{tags}.whl"
    return replace(_parsed(path), sha256=digest, time=when, who=who, source="".join(words[6:]))


def _former(folder: Path, line: str) -> Wheel | None:
    known = FORMER.fullmatch(line)
    if known is None:
        return None
    entry = _parsed(folder / known["file"])
    return replace(entry, name=normal(known["name"]), time=known["time"])


def _parsed(path: Path) -> Wheel:
    try:
        return wheel.parse(path)
    except KraftwerkError as error:
        raise KraftwerkError(f"{file(path.parent)}: {error.cause}", code=2) from error
