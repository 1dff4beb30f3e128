"""What a project requires, as lines that wheels are found by, whatever file it stands in."""

import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from kraftwerk import process, requirements, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.project import Project
from kraftwerk.requirements import Requirements
from kraftwerk.requirements_text import bracketed, package_name, read_lines
from kraftwerk.wheels import origin

PATIENCE = 60
UV = "uv>=0.13,<1"  # what makes virtualenvs on a node; as salt/python/defaults.yaml has it
BACKEND = ("setuptools>=40.8",)  # what builds a folder that doesn't say (PEP 517)
WANT_EDITABLES = {"hatchling", "pdm-backend"}  # say so only while they build
EDITABLE = ("editables>=0.3",)
UNBUILT = "setup.py"  # says what it requires only when it is run


def root(needed: Requirements) -> Path:
    """Return the folder that paths in the lines are relative to."""
    return needed.root / needed.folder


def lines(needed: Requirements) -> list[str]:
    """Return a project's requirements as lines of a requirements.txt, with the server that kraftwerk adds.

    Of a lock, versions count; hashes don't, as a wheel that was built here has another than the index's.

    Raises:
        KraftwerkError: the files can't be read.
    """
    own = _locked(needed) if needed.kind == "uv.lock" else list(needed.lines)
    if needed.kind == UNBUILT and not own and not needed.install:
        own = ["."]
    return [*own, *installed(needed), *needed.extra]


def installed(needed: Requirements) -> list[str]:
    """Return the project itself as a line, where it is installed, too."""
    if not needed.install:
        return []
    folder = os.path.relpath(needed.install, needed.folder)
    return [f"-e {'.' if folder == '.' else f'./{folder}'}{bracketed(needed.choice.extras)}"]


def folders(found: Sequence[str], root: Path) -> list[str]:
    """Return the folders among requirements: they lie in the release, and are built on the node."""
    return origin.split(found, root).folders


def backends(root: Path, folders: Iterable[str]) -> list[str]:
    """Return what builds folders of a project, by the pyproject.toml of each.

    Raises:
        KraftwerkError: one is broken (code 2).
    """
    found: list[str] = []
    for folder in folders:
        path = root / folder.partition("[")[0] / "pyproject.toml"
        try:
            plain = tomllib.loads(path.read_text()) if path.is_file() else {}
        except tomllib.TOMLDecodeError as error:
            raise KraftwerkError(f"{path}: {error}", code=2) from error
        found += plain.get("build-system", {}).get("requires", BACKEND)
    names = set(map(package_name, found))
    return [*dict.fromkeys(found), *(EDITABLE if names & WANT_EDITABLES else ())]


def chosen(
    here: Project | None, environment: str, named: Sequence[str], files: Sequence[str]
) -> tuple[list[str], Path]:
    """Return the lines that a user means, and the folder that paths in them are relative to.

    Args:
        here: the project, if there is one: where nothing is named, all is meant that it requires, what builds its
            folders, and uv.
        named: requirements on the command line.
        files: of requirements.

    Raises:
        KraftwerkError: nothing is named outside of a project, or a file can't be read (code 2).
    """
    if named or files:
        return [*named, *(line for file in files for line in _of_file(Path(file).absolute()))], Path.cwd()
    if here is None:
        raise KraftwerkError("no requirement is named, and this is no project", code=2)
    needed = requirements.find(here.root, here.instance(environment, "node"))
    found, place = lines(needed), root(needed)
    return [*found, *backends(place, folders(found, place)), UV], place


def _of_file(file: Path) -> Iterator[str]:
    """Return the lines of a file of requirements, wherever it is, with those of the files that it includes."""
    if not file.is_file():
        raise KraftwerkError(f"{file}: no such file", code=2)
    return read_lines(file.parent, file.name, [])


def _locked(needed: Requirements) -> list[str]:
    """Return what a uv.lock holds; uv reads it without any index."""
    words = requirements.resolve_argv(needed, "3", virtualenv.uv_program())[0]
    done = process.run(words, cwd=root(needed), timeout=PATIENCE, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["uv said nothing"]
        raise KraftwerkError(f"uv.lock can't be read: {said[0]}", code=2)
    return done.stdout.decode().splitlines()
