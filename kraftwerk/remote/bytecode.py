"""Runs on a node, as an argument of a virtualenv's Python, as the owner of the code: compiles a release's source.

bytecode.py [LIVE]: in the folder with the source; LIVE is the live release's. Of files that are the same there, its
bytecode is taken. A file that doesn't compile is no reason to stop: projects carry templates of code, and what is
really needed fails in the gate.
"""

from __future__ import annotations  # its Python may be older than ours

import os
import sys
from collections.abc import Iterator
from compileall import compile_file
from contextlib import suppress
from importlib.util import cache_from_source

APART = ("venv", "node_modules", "__pycache__")


def sources() -> Iterator[str]:
    """Yield the source files below the current folder."""
    for folder, folders, files in os.walk("."):
        folders[:] = [name for name in folders if name not in APART and not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in files if name.endswith(".py"))


def take(path: str, live: str) -> bool:
    """Link the live release's bytecode of a file that is the same there; tell whether it was done."""
    theirs, ours = os.path.join(live, path), cache_from_source(path)
    try:
        if not os.path.samefile(path, theirs):
            return False
        os.makedirs(os.path.dirname(ours), exist_ok=True)
        os.link(cache_from_source(theirs), ours)
    except OSError:
        return False
    return True


def main(live: str = "") -> None:
    """Take or make the bytecode of all."""
    for path in sources():
        if not (live and take(path, live)):
            with suppress(Exception):
                compile_file(path, quiet=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
