"""Runs in a virtualenv's own Python, 3.8 or newer, as an argument of it: what it is and has, as JSON.

venvread.py FOLDER

It is started without `site`, so that nothing in the virtualenv runs; that's why folders are worked out here.
"""

from __future__ import annotations  # its Python may be older than ours

import importlib.metadata
import json
import os
import platform
import re
import site
import sys
import sysconfig
from typing import Any

READY = ".kraftwerk-ready"  # in the virtualenvs that `kraftwerk deploy` makes
STATE = ".kraftwerk-change"  # where a change keeps what it took away; see venvchange.py


def schemes(root: str) -> dict[str, str]:
    """Return where in the virtualenv the parts of a wheel go, relative to it."""
    found = sysconfig.get_paths("posix_prefix", vars={"base": root, "platbase": root})
    found["headers"] = os.path.join(root, "include", "site", f"python{sysconfig.get_python_version()}")
    names = ("purelib", "platlib", "scripts", "data", "headers")
    return {name: os.path.relpath(found[name], root) for name in names}


def system(root: str) -> list[str]:
    """Return the folders of packages that it shares with its machine, if it does."""
    try:
        with open(os.path.join(root, "pyvenv.cfg"), encoding="utf-8") as file:
            shares = re.search(r"(?mi)^include-system-site-packages\s*=\s*true\s*$", file.read())
    except OSError:
        shares = None
    return [each for each in site.getsitepackages([sys.base_prefix]) if os.path.isdir(each)] if shares else []


def links(folder: str) -> list[str]:
    """Return the folders that `setup.py develop` linked to."""
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith(".egg-link"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                found.append(file.readline().strip())
    return found


def kind(found: importlib.metadata.Distribution, own: bool, linked: bool) -> str:
    """Return how a distribution is there: wheel, egg (both can be taken away), link, system, or other."""
    if linked:
        return "link"
    if not own:
        return "system"
    if found.read_text("RECORD"):
        return "link" if '"editable": true' in (found.read_text("direct_url.json") or "") else "wheel"
    return "egg" if found.read_text("installed-files.txt") else "other"


def packages(root: str) -> dict[str, Any]:
    """Return what can be imported by its virtualenv: its own first, then links, then the machine's."""
    places = schemes(root)
    own = list(dict.fromkeys(os.path.join(root, places[name]) for name in ("purelib", "platlib")))
    linked = [each for folder in own for each in links(folder)]
    found: dict[str, Any] = {}
    for path in own + linked + system(root):
        for each in importlib.metadata.distributions(path=[path]):
            name = re.sub(r"[-_.]+", "-", each.metadata["Name"] or "").lower()
            if name and name not in found:
                found[name] = {
                    "version": each.version,
                    "kind": kind(each, path in own, path in linked),
                    "requires": each.requires or [],
                    "extras": each.metadata.get_all("Provides-Extra") or [],
                }
    return found


def libc() -> str:
    """Return the C library, as `glibc 2.36`."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "musl 1.2"
    except (OSError, ValueError):
        return "musl 1.2"


def main(root: str) -> None:
    """Print it all."""
    told = {
        "path": root,
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "machine": platform.machine(),
        "libc": libc(),
        "schemes": schemes(root),
        "packages": packages(root),
        "stale": not os.path.isdir(schemes(root)["purelib"]),
        "project": os.path.exists(os.path.join(root, READY)),
        "interrupted": os.path.isdir(os.path.join(root, STATE)),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(os.getcwd())
