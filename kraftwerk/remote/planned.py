"""Runs on a node: say how the live release differs from files that are to be sent, and what a virtualenv holds.

planned.py RELEASE VIRTUALENV [STATIC_FOLDER…], with {path: hash} as JSON on stdin. RELEASE is the live one's folder or
empty; STATIC_FOLDERs are what release commands collect, seen from RELEASE. A file that isn't sent counts as removed
if `web` owns it: what was uploaded is web's, and what kraftwerk or a build put beside it is known by its name.
"""

import hashlib
import json
import os
import pwd
import sys
from collections.abc import Iterator
from fnmatch import fnmatch

OURS = ("release.json", "venv", ".kraftwerk-*")  # in the release's folder
BUILT = ("__pycache__", "*.egg-info", "*.pyc")  # anywhere in it
READY = ".kraftwerk-ready"
PIECE = 1 << 20


def digest(path: str) -> str:
    """Return a file's hash, as kraftwerk/content.py makes it."""
    if os.path.islink(path):
        return hashlib.sha256(b"link " + os.fsencode(os.readlink(path))).hexdigest()
    found = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(PIECE), b""):
            found.update(piece)
    found.update(b"x" if os.stat(path).st_mode & 0o100 else b"")
    return found.hexdigest()


def uploaded(root: str, static: set[str]) -> Iterator[str]:
    """Yield the paths of uploaded files below a release's folder."""
    owner = pwd.getpwnam("web").pw_uid
    for folder, folders, names in os.walk(root):
        here = "" if folder == root else os.path.relpath(folder, root) + "/"
        passed = [*BUILT, *(OURS if not here else ())]
        folders[:] = [name for name in folders if not known(name, passed) and here + name not in static]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in [*names, *links]:
            if not known(name, passed) and os.lstat(os.path.join(folder, name)).st_uid == owner:
                yield here + name


def known(name: str, patterns: list[str]) -> bool:
    """Tell whether a name fits one of the patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def compare(root: str, wanted: dict[str, str], static: set[str]) -> dict[str, list[str]]:
    """Return the files that are added, changed and removed by what is wanted."""
    both = {name for name in wanted if os.path.lexists(os.path.join(root, name))}
    changed = [name for name in both if differs(os.path.join(root, name), wanted[name])]
    removed = set(uploaded(root, static)) - set(wanted)
    return {"added": sorted(set(wanted) - both), "changed": sorted(changed), "removed": sorted(removed)}


def differs(path: str, wanted: str) -> bool:
    """Tell whether what is at a path differs from what is wanted there."""
    return (os.path.isdir(path) and not os.path.islink(path)) or digest(path) != wanted


def packages(venv: str) -> list[str] | None:
    """Return the names of the packages' folders in a virtualenv that is whole; None where it isn't there."""
    if not os.path.exists(os.path.join(venv, READY)):
        return None
    lib = os.path.join(venv, "lib")
    sites = [os.path.join(lib, name, "site-packages") for name in os.listdir(lib)]
    return [name for site in sites if os.path.isdir(site) for name in os.listdir(site) if name.endswith(".dist-info")]


def main(release: str, venv: str, *static: str) -> None:
    """Print it, as JSON."""
    wanted = json.load(sys.stdin)
    there = bool(release) and os.path.isdir(release)
    files = compare(release, wanted, set(static)) if there else None
    json.dump({"files": files, "packages": packages(venv)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
