"""A new project: made whole in a folder beside its place, then renamed, so that no half of one is ever seen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.flock import held
from kraftwerk.newproject import layers
from kraftwerk.newproject.choice import Choice, check


@dataclass(frozen=True)
class NewProject:
    """What was made: its folder, what is installed in it (`Django 5.2`), and how many files were written."""

    folder: Path
    headline: str
    files: int


def create(choice: Choice, parent: Path) -> NewProject:
    """Make a project's folder, with its files and its virtualenv.

    Args:
        choice: its name, template and services.
        parent: the folder to make it in.

    Raises:
        KraftwerkError: the name, template or a service can't be used, something is there already, or no package index
            is in reach. Nothing is left behind then.
    """
    check(choice)
    if choice.template not in layers.names():
        raise KraftwerkError(f"no template {choice.template!r}; there are: {', '.join(layers.names())}", code=2)
    folder = parent / choice.name
    if folder.exists() or folder.is_symlink():
        raise KraftwerkError(f"{choice.name} is here already", next_command="choose another name or folder")
    with _beside(folder) as work:
        virtualenv.create(work, choice.name)
        files = layers.write(choice, work)
        virtualenv.install(work)
        made = NewProject(folder, virtualenv.headline(work, choice.template), files)
        work.rename(folder)
    return made


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the final one, without what a killed run left in it; whatever remains of it is removed."""
    work = folder.with_name(f".{folder.name}.kraftwerk-init")
    busy = f"{folder.name} is being made by another kraftwerk init right now"
    with held(work, busy=busy, timeout=0, remake=lambda: _make(work)):
        try:
            for path in work.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise KraftwerkError(f"can't make a folder in {folder.parent}: {error.strerror}") from error
