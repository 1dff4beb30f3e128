"""The project's own virtualenv on this computer: found where people keep it, or made."""

import importlib.metadata
import os
from pathlib import Path

from kraftwerk import virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.screen import confirm, step

PLACES = (".", ".venv", "venv", "env")  # in the project's folder; the first is where `init` makes it


def find(root: Path) -> Path | None:
    """Return the virtualenv in a project's folder, else the one that is activated, if there is any."""
    activated = os.environ.get("VIRTUAL_ENV")
    found = [root / place for place in PLACES] + ([Path(activated)] if activated else [])
    return next((venv.resolve() for venv in found if _is_whole(venv)), None)


def ensure(root: Path, instance: Instance) -> Path:
    """Return the project's virtualenv; it is made in .venv, with all that the project requires, where there is none.

    Args:
        instance: what kraftwerk.yaml says of Python and requirements.

    Raises:
        KraftwerkError: the requirements can't be installed.
    """
    found = find(root)
    if found:
        return found
    venv = root / ".venv"
    with step("Making the virtualenv .venv, with what the project requires"):
        virtualenv.create(venv, root.name, "" if instance.python == "3" else instance.python, hidden=True)
        try:
            virtualenv.install(root, venv, instance)
        except KraftwerkError:
            (venv / "pyvenv.cfg").unlink(missing_ok=True)  # else the next run would take it for whole
            raise
    return venv


def need(venv: Path, package: str, *, yes: bool = False) -> None:
    """Have a package that the development server consists of; ask before it is installed into somebody's virtualenv.

    Raises:
        KraftwerkError: it isn't there and may not be installed, or can't be.
    """
    if package in installed(venv):
        return
    if not confirm(f"{package} is not in {venv}. Install it there?", yes=yes, default=True):
        raise KraftwerkError(f"{package} is missing", next_command=f"{venv}/bin/python -m pip install {package}")
    with step(f"Installing {package}"):
        virtualenv.add(venv, package)


def installed(venv: Path) -> set[str]:
    """Return the packages of a virtualenv, by normalized name."""
    packages = [str(path) for path in venv.glob("lib/python*/site-packages")]
    names = (found.name for found in importlib.metadata.distributions(path=packages))
    return {name.lower().replace("_", "-").replace(".", "-") for name in names if name}


def _is_whole(venv: Path) -> bool:
    return (venv / "pyvenv.cfg").is_file() and (venv / "bin" / "python").exists()
