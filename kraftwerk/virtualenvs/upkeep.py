"""Keeping a virtualenv as its requirements say: look, show what would change, and change it or leave it as it was."""

import shlex
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from kraftwerk import leash, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home
from kraftwerk.process import Completed
from kraftwerk.requirements_text import read_lines
from kraftwerk.transport import Connection
from kraftwerk.virtualenvs import change, difference, host, layout, reading, standin
from kraftwerk.virtualenvs.difference import Difference
from kraftwerk.virtualenvs.reading import State
from kraftwerk.virtualenvs.virtualenv import Virtualenv
from kraftwerk.wheels import house, origin, resolution
from kraftwerk.wheels.house import House
from kraftwerk.wheels.wheel import Wheel

PATIENCE = 1800  # seconds for a migration, or a reload
OUTPUT_LINES = 12


@dataclass(frozen=True)
class Choice:
    """What the command line says for all virtualenvs.

    Attributes:
        requirements: files, instead of those in config.yaml.
        wheels: the folder of wheels, instead of those there.
        remove: packages that nothing requires go.
    """

    requirements: tuple[Path, ...] = ()
    wheels: Path | None = None
    remove: bool = False


@dataclass(frozen=True)
class Job:
    """A virtualenv as it is, and what would change."""

    virtualenv: Virtualenv
    connection: Connection
    state: State
    difference: Difference

    def lines(self) -> list[str]:
        """Return the plan for people."""
        shown = [f"  {line}" for line in self.difference.lines()]
        if self.difference:
            shown += [f"  then  {word}: {line}" for word, each in self._steps.items() for line in each]
        else:
            shown += ["  as it is: nothing to change"]
        count = len(self.state.packages)
        has = f"{count} package{'' if count == 1 else 's'}"
        return [f"{self.virtualenv.name}   {self.state.target.words}, {has}", *shown]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON types."""
        found = {"virtualenv": self.virtualenv.name, "python": self.state.target.python, **self.difference.as_dict()}
        installed = {name: package.version for name, package in self.state.packages.items()}
        return {**found, "installed": installed, **self._steps}

    @property
    def _steps(self) -> dict[str, tuple[str, ...]]:
        return {"migrate": self.virtualenv.migrate, "reload": self.virtualenv.reload}


def look(virtualenv: Virtualenv, connection: Connection, choice: Choice, *, touch: bool) -> Job:
    """Return what would change of a virtualenv.

    Args:
        connection: from `host.connect`.
        touch: put back what a power cut interrupted; else that is only said.

    Raises:
        KraftwerkError: it can't be reached or read, wheels are missing, or kraftwerk can't change it.
    """
    lines, folder = _requirements(virtualenv, choice), _wheels(virtualenv, choice)
    wheels = _house(folder)
    state = reading.read(connection, virtualenv)
    if state.interrupted and touch and change.recover(connection, virtualenv):
        screen.warn(f"{virtualenv.name}: a change was interrupted there, and is put back")
        state = reading.read(connection, virtualenv)
    elif state.interrupted:
        screen.warn(f"{virtualenv.name}: a change was interrupted there; the next deploy puts it back first")
    try:
        wanted = _resolve(wheels, lines, state)
        return Job(virtualenv, connection, state, difference.compare(state.packages, wanted, remove=choice.remove))
    except KraftwerkError as error:
        builds = f"{error.next_command} --wheels {shlex.quote(str(folder))}" if error.next_command else ""
        raise KraftwerkError(f"{virtualenv.name}: {error.cause}", next_command=builds) from error


def carry_out(job: Job, on_progress: screen.OnProgress) -> None:
    """Install, migrate and reload; whatever fails, the virtualenv is as it was.

    Raises:
        KraftwerkError: something failed.
    """
    this = job.virtualenv
    if job.state.project:
        cause = f"{this.name} belongs to a site of kraftwerk, whose releases share it"
        raise KraftwerkError(cause, next_command=f"kraftwerk deploy {this.host} --wheels, in its folder")
    with tempfile.TemporaryDirectory(prefix="kraftwerk-wheels-") as folder:
        on_progress(f"unpacking {len(job.difference.wheels)} wheels")
        files = layout.make(job.difference.wheels, job.state, Path(folder))
        begun: list[str] = []
        try:
            on_progress("uploading")
            with change.made(job.connection, this, files, job.difference.leaving, on_progress):
                for line in this.migrate:
                    on_progress(f"migrate: {line}")
                    _check(this, "migrate", line, _as_owner(job, line))
                for line in this.reload:
                    on_progress(f"reload: {line}")
                    begun.append(line)
                    _check(this, "reload", line, _as_login(job, line))
        except BaseException:
            with suppress(KraftwerkError):  # what failed first is told
                for line in begun:  # what has loaded the new packages takes the old ones again
                    on_progress(f"reload: {line}")
                    _as_login(job, line)
            raise


def _requirements(virtualenv: Virtualenv, choice: Choice) -> list[str]:
    """Return the lines of the files that say what it must have."""
    named = Path(virtualenv.requirements).expanduser()
    files = choice.requirements or ((config_home() / named,) if virtualenv.requirements else ())
    if not files:
        raise KraftwerkError(
            f"{virtualenv.name}: nothing says what it must have",
            next_command="-r requirements.txt, or requirements: in config.yaml",
            code=2,
        )
    found: list[str] = []
    for file in files:
        if not file.is_file():
            raise KraftwerkError(f"{virtualenv.name}: there is no file {file}", code=2)
        found += read_lines(file.parent, file.name, [])
    if local := origin.split(found).folders:
        raise KraftwerkError(
            f"{virtualenv.name}: {local[0]} is a folder or file of this computer; a virtualenv gets wheels",
            next_command=f"kraftwerk wheels build {local[0]}",
            code=2,
        )
    return found


def _wheels(virtualenv: Virtualenv, choice: Choice) -> Path:
    if choice.wheels:
        return choice.wheels
    named = Path(virtualenv.wheels).expanduser()
    return config_home() / named if virtualenv.wheels else Path(house.FOLDER)


@lru_cache
def _house(folder: Path) -> House:
    """Return a wheelhouse, each wheel of it compared with its hash once."""
    found = house.existing(folder)
    found.ensure_untouched()
    return found


def _resolve(wheels: House, lines: Sequence[str], state: State) -> list[Wheel]:
    """Return the wheels that it shall have; what it has already is as good as a wheel of that version."""
    with tempfile.TemporaryDirectory(prefix="kraftwerk-wheels-") as folder:
        fitting = [wheel for wheel in wheels.wheels if wheel.fits(state.target)]
        present = standin.make(state.packages, fitting, Path(folder))
        return resolution.resolve([*wheels.wheels, *present], lines, state.target, None)


def _as_owner(job: Job, line: str) -> Completed:
    """Run a shell line as the virtualenv's user, in the home, with the virtualenv's programs first."""
    python = host.words(job.virtualenv, ["python"])
    return leash.run(job.connection, ["sh", "-c", f"cd\n{line}"], timeout=PATIENCE, python=python)


def _as_login(job: Job, line: str) -> Completed:
    """Run a shell line as who is logged in: root on a node, and then nothing of the virtualenv may be in PATH."""
    return job.connection.run(["sh", "-c", line], timeout=PATIENCE, check=False)


def _check(virtualenv: Virtualenv, word: str, line: str, done: Completed) -> None:
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()[-OUTPUT_LINES:]
        told = f"{virtualenv.name} is put back as it was: {word} failed with exit code {done.returncode}: {line}"
        raise KraftwerkError("\n".join([told, *(f"  {each}" for each in said)]))
