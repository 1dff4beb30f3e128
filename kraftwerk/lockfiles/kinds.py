"""The kinds of files that requirements stand in: which there are, and which of them a project has."""

import re
from collections.abc import Iterator
from pathlib import Path

TEXT = "requirements.txt"
LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock")
METADATA = ("pyproject.toml", "Pipfile", "setup.cfg", "setup.py")
KNOWN = ", ".join((f"{TEXT} and others that end in .txt or .in", *LOCKS, *METADATA))
# Where there is no requirements.txt at the top and no lock: what is for production goes before what is for everything.
FOR_PRODUCTION = (
    *(f"requirements/{name}.txt" for name in ("production", "prod", "requirements", "main", "base", "common")),
    *(f"requirements{mark}{name}.txt" for mark in "-_" for name in ("production", "prod")),
)


def kind(path: str) -> str | None:
    """Return the kind of a file by its name: TEXT, or one of LOCKS and METADATA; None if it is none of them."""
    name = path.rpartition("/")[2]
    if re.fullmatch(r"pylock\.[\w-]+\.toml", name):
        return "pylock.toml"
    if name in LOCKS or name in METADATA:
        return name
    return TEXT if name.endswith((".txt", ".in")) else None


def candidates(root: Path) -> Iterator[str]:
    """Yield the files of a folder that requirements may stand in, the most telling one first."""
    for name in (TEXT, *LOCKS, *FOR_PRODUCTION, *METADATA):
        if (root / name).is_file():
            yield name
