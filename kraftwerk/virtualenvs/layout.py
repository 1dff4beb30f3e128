"""Wheels laid out as the files that they become in a virtualenv: unpacked here, so that its host needs no installer."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.virtualenvs.reading import State
from kraftwerk.wheels.wheel import Wheel, check_hashed, sha256

INSTALLER = {"INSTALLER": b"kraftwerk\n"}
LEVEL = 1  # of compression: most of the gain for little of the time


@dataclass(frozen=True)
class Layout:
    """The files of some wheels in an archive, by their paths in the virtualenv.

    Attributes:
        needed: bytes that they take, unpacked.
        python: those that can be compiled.
    """

    archive: Path
    needed: int
    python: tuple[str, ...]


def make(wheels: Sequence[Wheel], state: State, folder: Path) -> Layout:
    """Lay out wheels for a virtualenv.

    Args:
        folder: an empty one here, for the files and the archive.

    Raises:
        KraftwerkError: a file isn't the wheel that was recorded, or was recorded without a hash.
    """
    check_hashed(wheels)
    staged = folder / "files"
    for wheel in wheels:
        _unpack(wheel, state, staged)
    root = staged.joinpath(*Path(state.path).parts[1:])
    files = sorted(path for path in root.rglob("*") if path.is_file())
    archive = folder / "files.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=LEVEL) as tar:
        for path in files:
            tar.add(path, str(path.relative_to(root)), recursive=False)
    packages = {state.schemes[name] for name in ("purelib", "platlib")}
    names = [str(path.relative_to(root)) for path in files if path.suffix == ".py"]
    python = tuple(name for name in names if any(name.startswith(f"{each}/") for each in packages))
    return Layout(archive, sum(path.stat().st_size for path in files), python)


def _unpack(wheel: Wheel, state: State, staged: Path) -> None:
    """Write the files of a wheel below a folder that stands for the host's root."""
    from installer import install
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    if sha256(wheel.path) != wheel.sha256:
        raise KraftwerkError(f"{wheel.path} is not what was recorded", next_command="kraftwerk wheels verify")
    places = {name: f"{state.path}/{place}" for name, place in state.schemes.items()}
    places["headers"] += f"/{wheel.name}"
    python = f"{state.path}/bin/python"
    into = SchemeDictionaryDestination(places, python, "posix", destdir=str(staged), overwrite_existing=True)
    try:
        with WheelFile.open(wheel.path) as source:
            install(source, into, INSTALLER)
    except (AssertionError, KeyError, ValueError, OSError) as error:  # what installer raises for a broken wheel
        raise KraftwerkError(f"{wheel.path} can't be unpacked: {error}") from error
