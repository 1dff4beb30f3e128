"""A wheelhouse: a folder of wheels and its release_log."""

import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.version import Version

from kraftwerk import flock
from kraftwerk.errors import KraftwerkError
from kraftwerk.project import Project
from kraftwerk.wheels import check, log, resolution
from kraftwerk.wheels.gap import Gap
from kraftwerk.wheels.gap import find as gaps
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, parse, sha256

FOLDER = "wheels"  # where nobody says another


@dataclass
class House:
    """A folder of wheels.

    Attributes:
        folder: where they are.
        wheels: what its log records and the folder holds.
        lost: what its log records and the folder doesn't hold.
        strangers: files that the log doesn't know; nothing uses them.
    """

    folder: Path
    wheels: list[Wheel] = field(default_factory=list)
    lost: list[Wheel] = field(default_factory=list)
    strangers: list[Path] = field(default_factory=list)

    def resolve(self, requirements: Sequence[str], target: Target, root: Path | None = None) -> list[Wheel]:
        """Return the wheels that meet requirements, with all that these require themselves, sorted by name.

        Args:
            requirements: lines of a requirements.txt; everything that pip understands.
            target: what they have to fit.
            root: the folder that paths in the lines are relative to.

        Raises:
            KraftwerkError: wheels are missing (all are named, with the command that builds them), or don't go together,
                or a file isn't what was recorded.
        """
        self.ensure_untouched()
        return resolution.resolve(self.wheels, requirements, target, root)

    def missing(self, requirements: Sequence[str], target: Target, root: Path | None = None) -> list[Gap]:
        """Return what there is no wheel for, also of what wheels require themselves; empty when all is there."""
        return gaps(self.wheels, requirements, target, root)

    def ensure_untouched(self) -> None:
        """Compare every wheel with its recorded hash.

        Raises:
            KraftwerkError: some are not what was recorded; they are named.
        """
        if changed := self.tampered():
            names = ", ".join(wheel.path.name for wheel in changed)
            cause = f"{self.folder}: not what was recorded in {log.FILE}: {names}; nothing was touched"
            raise KraftwerkError(cause, next_command="kraftwerk wheels verify tells more")

    def tampered(self) -> list[Wheel]:
        """Return the wheels whose content isn't what was recorded."""
        with ThreadPoolExecutor() as pool:
            digests = pool.map(sha256, [wheel.path for wheel in self.wheels])
            pairs = list(zip(self.wheels, digests, strict=True))
        return [wheel for wheel, digest in pairs if wheel.sha256 and wheel.sha256 != digest]

    def problems(self) -> list[tuple[str, str]]:
        """Return everything that is wrong, by file: lost, unrecorded, without a hash, changed, or broken."""
        found = [(wheel.path.name, "recorded, but not there") for wheel in self.lost]
        found += [(path.name, "not recorded, so nothing uses it") for path in self.strangers]
        found += [(wheel.path.name, "recorded without a hash") for wheel in self.wheels if not wheel.sha256]
        changed = self.tampered()
        for wheel in changed:
            by = " ".join(filter(None, [wheel.who and f"by {wheel.who}", wheel.time and f"at {wheel.time}"]))
            found.append((wheel.path.name, f"changed since it was recorded {by}".rstrip()))
        for wheel in (each for each in self.wheels if each not in changed):
            found += [(wheel.path.name, problem) for problem in _problems(wheel)]
        return sorted(found)

    def add(self, files: Iterable[Path], *, source: str = "", renew: bool = False) -> tuple[list[Wheel], list[Wheel]]:
        """Check wheels, copy them into the folder and record them; return the new ones, and those that were there.

        Args:
            files: anywhere, or in the folder already.
            source: what they were built from, if not from an index.
            renew: take one of the same name, version and tags for the one that is there.

        Raises:
            KraftwerkError: a file isn't a sound wheel, or there is another with its name and version; none is added.
        """
        checked = [replace(check.whole(path), sha256=sha256(path), source=source) for path in files]
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            known = {wheel.key: wheel for wheel in log.read(self.folder)}
            for number, wheel in enumerate(checked):
                if not renew:
                    before = {each.key: each for each in checked[:number]}
                    _refuse_conflict(wheel, before.get(wheel.key) or known.get(wheel.key))
            new = [wheel for wheel in checked if not _same(known.get(wheel.key), wheel, self.folder)]
            placed = [log.signed(replace(wheel, path=self._place(wheel.path))) for wheel in new]
            if placed:
                log.write(self.folder, [*_without(known.values(), placed), *placed])
        self.reread()
        return placed, [wheel for wheel in checked if wheel not in new]

    def remove(self, wheels: Iterable[Wheel]) -> None:
        """Delete wheels, and their lines in the log."""
        going = list(wheels)
        with self._locked():
            log.write(self.folder, _without(log.read(self.folder), going))
            for wheel in going:
                wheel.path.unlink(missing_ok=True)
        self.reread()

    @property
    def recorded(self) -> list[Wheel]:
        """Return everything that the log records, also what is lost, by name and version."""
        return sorted([*self.wheels, *self.lost], key=lambda wheel: (wheel.name, Version(wheel.version), wheel.tags))

    def reread(self) -> None:
        """Read the log and the folder again."""
        recorded = log.read(self.folder)
        self.wheels = [wheel for wheel in recorded if wheel.path.is_file()]
        self.lost = [wheel for wheel in recorded if not wheel.path.is_file()]
        known = {wheel.path for wheel in recorded}
        self.strangers = [path for path in sorted(self.folder.glob("*.whl")) if path not in known]

    def _locked(self) -> AbstractContextManager[int]:
        return flock.held(self.folder, busy=f"another kraftwerk works on {self.folder}")

    def _place(self, path: Path) -> Path:
        """Return the file in the folder, copied there whole or not at all."""
        place = self.folder / path.name
        if not (place.exists() and place.samefile(path)):
            part = self.folder / f".{path.name}.{os.getpid()}"
            shutil.copyfile(path, part)
            part.replace(place)
        return place


def open(folder: Path) -> House:
    """Return the wheelhouse of a folder; one that doesn't exist yet is empty.

    Raises:
        KraftwerkError: its log, or a file's name, can't be understood (code 2).
    """
    house = House(folder)
    house.reread()
    return house


def existing(folder: Path) -> House:
    """Return the wheelhouse of a folder that must be there.

    Raises:
        KraftwerkError: it isn't, or as `open` (code 2).
    """
    if not folder.is_dir():
        raise KraftwerkError(f"{folder}: no such folder of wheels", next_command="kraftwerk wheels build", code=2)
    return open(folder)


def folder(here: Project | None, environment: str, given: str | None) -> Path:
    """Return the folder of wheels that is meant: the given one, else the project's own, else `wheels`.

    Args:
        here: the project, if there is one.
        given: as the user gave it; empty or None where nothing was said.
    """
    if given:
        return Path(given).expanduser().absolute()
    own = here.wheels(environment) if here else None
    return own or (here.root if here else Path.cwd()) / FOLDER


def _same(recorded: Wheel | None, wheel: Wheel, folder: Path) -> bool:
    """Tell whether just this wheel is recorded, from where it comes now, and there."""
    if recorded is None or recorded.sha256 != wheel.sha256:
        return False
    return wheel.source in ("", recorded.source) and (folder / wheel.path.name).is_file()


def _refuse_conflict(wheel: Wheel, recorded: Wheel | None) -> None:
    if recorded is None or recorded.sha256 in ("", wheel.sha256):
        return
    if wheel.source and wheel.source.partition(" ")[0] == recorded.source.partition(" ")[0]:
        return  # built from there again
    cause = (
        f"{wheel.path}: {wheel.pin} ({wheel.tags}) is recorded with other content, "
        f"{recorded.sha256[:12]}… by {recorded.who or 'somebody'} at {recorded.time or 'some time'}"
    )
    better = f"give the fork a version of its own, such as {wheel.version.partition('+')[0]}+fork.1; or --renew"
    raise KraftwerkError(cause, next_command=better)


def _without(wheels: Iterable[Wheel], going: Iterable[Wheel]) -> list[Wheel]:
    keys = {wheel.key for wheel in going}
    return [wheel for wheel in wheels if wheel.key not in keys]


def _problems(wheel: Wheel) -> list[str]:
    try:
        return list(check.problems(parse(wheel.path)))
    except KraftwerkError as error:
        return [error.cause]
