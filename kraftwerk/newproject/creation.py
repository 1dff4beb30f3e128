"""A new project: made whole in a folder beside its place, then renamed, so that no half of one is ever seen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kraftwerk import screen, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.flock import held
from kraftwerk.newproject import completion, cookies, copies, layers, questions, source, trust
from kraftwerk.newproject.answers import prepare
from kraftwerk.newproject.choice import Choice, check
from kraftwerk.newproject.source import Source

HIDDEN = ".venv"  # where tools and .gitignore files of others expect a virtualenv


@dataclass(frozen=True)
class NewProject:
    """What was made.

    Attributes:
        folder: the project's.
        headline: what is installed in it (`Django 5.2`), or the template's name.
        files: how many files were written.
        virtualenv: its folder, seen from the project's.
        is_ready: all that the project requires is installed there.
        cautions: what isn't as it should be, a line for each.
        message: what its template says to whoever made a project of it.
    """

    folder: Path
    headline: str
    files: int
    virtualenv: str = "."
    is_ready: bool = True
    cautions: tuple[str, ...] = ()
    message: str = ""

    @property
    def activate(self) -> str:
        """Return the file to source, as the project's folder sees it."""
        return f"{self.virtualenv}/bin/activate".removeprefix("./")


def create(choice: Choice, parent: Path, *, ref: str = "", ask: bool = False, may_run_code: bool = False) -> NewProject:
    """Make a project's folder, with its files and its virtualenv.

    Args:
        choice: its name, template and services.
        parent: the folder to make it in.
        ref: the branch, tag or commit of a template in git.
        ask: whether somebody is there to answer the template's questions; otherwise they get their defaults.
        may_run_code: the template may run commands and extensions of its own on this computer.

    Raises:
        KraftwerkError: the name, template or a service can't be used, something is there already, or no package index
            is in reach. Nothing is left behind then.
    """
    check(choice)
    folder = parent / choice.name
    check_place(folder)
    with source.opened(choice.template, ref, ask=ask) as found, _beside(folder) as work:
        named = replace(choice, template=found.label)
        if found.folder is None:
            return _layered(named, work, folder)
        return _whole(named, found, found.folder, work, folder, ask=ask, may_run_code=may_run_code)


def check_place(folder: Path) -> None:
    """Make sure that there is room for a project.

    Raises:
        KraftwerkError: something of that name is there.
    """
    if folder.exists() or folder.is_symlink():
        raise KraftwerkError(f"{folder.name} is here already", next_command="choose another name or folder")


def _layered(choice: Choice, work: Path, folder: Path) -> NewProject:
    """Make a project whose virtualenv is its folder, of a template whose files lie over what all projects have."""
    taken = choice.data.keys() & Choice(choice.name).variables().keys()
    if taken:
        raise KraftwerkError(f"--data {min(taken)}: that is said in another way: kraftwerk init --help", code=2)
    with screen.working(f"Making {choice.name} and its virtualenv"):
        virtualenv.create(work, choice.name, choice.python)
        files = layers.write(choice, work)
        virtualenv.install(work)
        made = NewProject(folder, virtualenv.headline(work, choice.template), files)
        work.rename(folder)
    return made


def _whole(
    choice: Choice, found: Source, template: Path, work: Path, folder: Path, *, ask: bool, may_run_code: bool
) -> NewProject:
    """Make a project of a template as a whole; its virtualenv is .venv.

    What isn't as it should be there, such as requirements that can't be installed here, is told and no reason to throw
    the answers away.
    """
    project = work / folder.name  # templates use the folder's name
    message = _write(choice, found, template, project, ask=ask, may_run_code=may_run_code)
    trust.check(found, _states(project), trust=may_run_code, ask=ask, where="its nodes as root, and here")
    _remove(project / HIDDEN)  # one that a task made names a folder that goes away
    files = sum(len(names) for place, _, names in os.walk(project) if ".git" not in Path(place).parts)
    framework, cautions = completion.complete(choice, project)
    project.rename(folder)
    with screen.working(f"Making {choice.name}'s virtualenv"):
        wrong = _install(choice, folder)
    headline = virtualenv.headline(folder / HIDDEN, framework or choice.template)
    return NewProject(folder, headline, files, HIDDEN, not wrong, (*cautions, *wrong), message)


def _write(choice: Choice, found: Source, template: Path, project: Path, *, ask: bool, may_run_code: bool) -> str:
    """Write the files of a whole template; return what it wants to be told after."""
    contents = questions.read(template, found.structure)
    trusted = trust.check(found, contents.code, trust=may_run_code, ask=ask)
    answers = prepare(choice, contents)
    if not found.structure:
        copies.as_it_is(template, project)
        return ""
    if found.structure.endswith(".json"):
        cookies.render(template, project, answers, ask=ask)
        return ""
    return copies.render(template, project, answers, shown={}, address=found.address, ask=ask, trust=trusted)


def _states(project: Path) -> list[str]:
    """Return what a project has of states of its own, which a deploy runs on its nodes."""
    files = [path for path in (project / "salt").rglob("*") if path.is_file()]
    return [f"salt/, Salt's states and modules ({len(files)} file{'s' if len(files) > 1 else ''})"] if files else []


def _install(choice: Choice, folder: Path) -> list[str]:
    """Make a project's virtualenv; return what went wrong."""
    try:
        virtualenv.create(folder / HIDDEN, choice.name, choice.python, hidden=True)
        virtualenv.install(folder, folder / HIDDEN)
    except KraftwerkError as error:
        return [f"{choice.name}/{HIDDEN} isn't complete: {error}"]
    return []


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the final one, without what a killed run left in it; whatever remains of it is removed."""
    work = folder.with_name(f".{folder.name}.kraftwerk-init")
    busy = f"{folder.name} is being made by another kraftwerk init right now"
    with held(work, busy=busy, timeout=0, remake=lambda: _make(work)):
        if work.is_symlink() or work.stat().st_uid != os.geteuid():  # in a folder that others may write to, too
            raise KraftwerkError(f"{work} is in the way, and somebody else's", next_command=f"ls -ld {work}")
        try:
            for path in work.iterdir():
                _remove(path)
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise KraftwerkError(f"can't make a folder in {folder.parent}: {error.strerror}") from error
