"""Shipped files that a user may copy and change: the copy of the same path wins."""

import shutil
from pathlib import Path, PurePath

from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import PACKAGE, config_home, share
from kraftwerk.schema import suggestion

TREES = ("salt", "pillar", "cloud.profiles.d", "templates")
ADMIN_ONLY = ("cloud.profiles.d", "templates")  # no project's matter: they are read before there is one


def tree(name: str) -> Path:
    """Return the shipped folder of a tree."""
    return PACKAGE / "templates" if name == "templates" else share(name)


def shipped() -> dict[str, Path]:
    """Return every file that can be copied, by the path that its copy gets."""
    found: dict[str, Path] = {}
    for name in TREES:
        top = tree(name)
        files = (path for path in top.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        found |= {f"{name}/{path.relative_to(top)}": path for path in files}
    return dict(sorted(found.items()))


def choose(path: str) -> dict[str, Path]:
    """Return the shipped files that a path means: one file, or all of a folder.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    wanted, files = path.strip("/"), shipped()
    chosen = {name: file for name, file in files.items() if name == wanted or name.startswith(f"{wanted}/")}
    if not chosen:
        folders = {str(parent) for name in files for parent in PurePath(name).parents}
        cause = f"nothing shipped is called {path}{suggestion(wanted, [*files, *folders])}"
        raise KraftwerkError(cause, next_command="kraftwerk eject lists what there is", code=2)
    return chosen


def copy(files: dict[str, Path], root: Path | None) -> tuple[list[Path], list[Path]]:
    """Copy shipped files for editing; what is there already stays as it is.

    Args:
        files: from `choose`.
        root: the project's folder; None is the admin's configuration.

    Returns:
        The copies made, and the files that were there.

    Raises:
        KraftwerkError: a file is not for projects (code 2).
    """
    made, kept = [], []
    for name, source in files.items():
        if root and name.split("/")[0] in ADMIN_ONLY:
            raise KraftwerkError(
                f"{name} is not a project's own", next_command=f"kraftwerk eject {name} --admin", code=2
            )
        target = (root or config_home()) / name
        if target.exists() or target.is_symlink():
            kept.append(target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        made.append(target)
    return made, kept
