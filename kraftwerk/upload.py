"""What of a project is uploaded, and the upload."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.transport import Connection

OWNER = "web:web"
MODES = "u=rwX,go=rX"  # whatever the admin's umask: the instance's user and nginx read the release

# Never part of a release: version control, bytecode, other virtualenvs and dumps; and in the root what kraftwerk
# itself puts there (venv, release.json) or reads on the admin only (pillar holds secrets).
OURS = (
    *("/venv", "/release.json", "/.kraftwerk-env", "/.kraftwerk-application", "/.kraftwerk-served"),
    *("/pillar/", "/hooks/before-*", "/hooks/after-*"),
)
NEVER = GitIgnoreSpec.from_lines([".git", ".hg", ".svn", "__pycache__/", "*.py[co]", "*.kw", "/.venv", *OURS])
WHEELS_LOG = "release_log"
VIRTUALENV = GitIgnoreSpec.from_lines(["/bin/", "/include/", "/lib/", "/lib64", "/share/man/", "/pyvenv.cfg", "/.lock"])


@dataclass(frozen=True)
class Source:
    """What git says of a project; empty where there is no git.

    Attributes:
        commit: its hash.
        dirty: files differ from it.
        tracked: files that git knows, though .gitignore may name them.
    """

    commit: str = ""
    dirty: bool = False
    tracked: tuple[str, ...] = ()


def source(root: Path) -> Source:
    """Return what git says of a folder."""
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return Source()
    git = ["git", "-C", str(root)]
    try:
        commit = process.run([*git, "rev-parse", "HEAD"], check=False).stdout.decode().strip()
        status = process.run([*git, "status", "--porcelain", "--", "."], check=False).stdout
        tracked = process.run([*git, "ls-files", "-z", "--cached"], check=False).stdout.decode(errors="surrogateescape")
    except KraftwerkError:  # git itself is not installed
        return Source()
    return Source(commit if len(commit) == 40 else "", bool(status), tuple(filter(None, tracked.split("\0"))))


def files(root: Path, tracked: Sequence[str] = ()) -> list[str]:
    """Return the files of a project that are uploaded, relative to its root, sorted.

    Args:
        root: the project's folder; every .gitignore in it counts, git or not.
        tracked: files that belong to it though a .gitignore names them.

    Raises:
        KraftwerkError: there are none, or a name can't be uploaded (code 2).
    """
    found = set(_walk(root, "", []))
    found |= {name for name in tracked if os.path.lexists(root / name) and not (root / name).is_dir()} - _never(tracked)
    found -= _of_wheelhouses(found)
    if not found:
        raise KraftwerkError(f"{root} has no file to upload: its .gitignore names them all", code=2)
    return sorted(found)


def size(root: Path, names: Sequence[str]) -> int:
    """Return how many kilobytes files take, together; one that is gone by now takes none."""
    found = 0
    for name in names:
        with suppress(OSError):
            found += -(-(root / name).lstat().st_size // 1024)
    return found


def send(
    connection: Connection, root: Path, names: Sequence[str], target: PurePosixPath, link_dest: PurePosixPath | None
) -> None:
    """Send files into a folder on the node; those that a former release has alike are hard links to its own.

    Raises:
        KraftwerkError: rsync failed.
    """
    connection.rsync(root, target, link_dest=link_dest, owner=OWNER, modes=MODES, files=_named(names))


def follow(connection: Connection, root: Path, names: Sequence[str], target: PurePosixPath) -> None:
    """Have some of the files on the node be as they are here: changed, new or gone.

    Raises:
        KraftwerkError: rsync failed.
    """
    connection.rsync(root, target, owner=OWNER, modes=MODES, files=_named(names), missing=True)


def _named(names: Sequence[str]) -> list[str]:
    """Return names such that rsync takes none for a comment in its list."""
    return [f"./{name}" if name.startswith(("#", ";")) else name for name in names]


def _of_wheelhouses(names: set[str]) -> set[str]:
    """Return the files in folders of wheels below the root: releases are installed from them, not made of them."""
    logs = {name for name in names if name.endswith(f"/{WHEELS_LOG}")}
    folders = tuple(name.removesuffix(WHEELS_LOG) for name in logs)
    return {name for name in names if folders and name.startswith(folders)}


def _never(names: Sequence[str]) -> set[str]:
    return {name for name in names if NEVER.match_file(name)}


def _walk(root: Path, folder: str, above: list[tuple[str, GitIgnoreSpec]]) -> Iterator[str]:
    """Yield the files below a folder that no .gitignore on the way names; `folder` is "" or ends with a slash."""
    rules = [*above, *_rules(root, folder)]
    with os.scandir(root / folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if _ignored(f"{path}/" if is_folder else path, rules):
                continue
            if not is_folder:
                if entry.is_symlink() or entry.is_file():  # sockets and pipes belong to what runs here
                    yield path
            elif not os.path.lexists(root / path / "pyvenv.cfg"):
                yield from _walk(root, f"{path}/", rules)


def _rules(root: Path, folder: str) -> Iterator[tuple[str, GitIgnoreSpec]]:
    """Yield the rules that a folder brings in: its own .gitignore, and in the root what is never uploaded.

    Each comes with the folder that its patterns are relative to.
    """
    path = root / folder / ".gitignore"
    if path.is_file():
        yield folder, GitIgnoreSpec.from_lines(path.read_text(errors="replace").splitlines())
    if not folder:
        yield folder, NEVER
        if (root / "pyvenv.cfg").exists():
            yield folder, VIRTUALENV


def _ignored(path: str, rules: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Tell whether the last rule that knows the path, the nearest one, ignores it; ours can't be undone."""
    verdict = False
    for folder, spec in rules:
        found = spec.check_file(path[len(folder) :]).include
        if found and spec in (NEVER, VIRTUALENV):
            return True
        verdict = verdict if found is None else found
    return verdict
