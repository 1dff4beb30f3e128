"""Runs in a virtualenv's own Python, 3.8 or newer, as an argument of it: changes its packages, or leaves all as it was.

venvchange.py [recover]

With `recover` it only goes back where a change was interrupted. Else stdin begins with a line of JSON and a tar.gz of
as many bytes as it says:
  remove   names of packages that go, normalized; new ones of the same name come with the archive
  size     bytes of the archive, and sha256, its hash; needed: bytes that its files take
  python   paths of the archive's files that are compiled
Then it reads lines: `keep` ends the change. When stdin ends, or is silent, or says anything else but `alive`, all goes
back: who asked for it is gone or has met an error. stdout has a line of JSON for each thing that happened.

Files are moved, never copied: what a package had is renamed into STATE, so what comes back is the very same. The
journal is on the disk before the first move; one that is found at the start was left by a power cut, and comes first.
"""

from __future__ import annotations  # its Python may be older than ours

import compileall
import contextlib
import fcntl
import glob
import hashlib
import importlib.metadata
import json
import os
import re
import select
import shutil
import signal
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

STATE = ".kraftwerk-change"
JOURNAL, KEPT = STATE + "/journal.json", STATE + "/kept.json"
OLD, NEW = STATE + "/old", STATE + "/new"
SILENCE = 30  # seconds without a line from the caller, who sends one every few seconds
BROKEN = "the connection broke before anything was changed"
ROOM = 16 << 20  # bytes that stay free on the disk


class Refused(Exception):
    """What can't be done, in words for the user."""


def tell(**message: Any) -> None:
    """Tell the caller something."""
    os.write(1, json.dumps(message).encode() + b"\n")


def recover() -> bool:
    """Clear up what was interrupted: a change that was kept stays, any other goes back. Tell whether there was one."""
    found = os.path.isdir(STATE)
    if os.path.exists(JOURNAL):
        back(read(JOURNAL))
    shutil.rmtree(STATE, ignore_errors=True)
    return found


def read(path: str) -> dict[str, Any]:
    """Read a journal."""
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
        return found


def write(path: str, journal: dict[str, Any]) -> None:
    """Write a journal so that it is whole, and on the disk, or not there."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(journal, file)
        file.flush()
        os.fsync(file.fileno())
    rename(path + ".part", path)


def rename(source: str, target: str) -> None:
    """Rename a file, and have that on the disk."""
    os.rename(source, target)
    folder = os.open(os.path.dirname(target), os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def places() -> list[str]:
    """Return where packages are, relative to the virtualenv: the first for those in Python, the second for others."""
    found = sysconfig.get_paths("posix_prefix", vars={"base": ".", "platbase": "."})
    return [os.path.normpath(found[name]) for name in ("purelib", "platlib")]


def receive(header: dict[str, Any]) -> None:
    """Take the archive from stdin, and unpack it beside the virtualenv's files, with modes and group as theirs."""
    free, needed = os.statvfs("."), header["size"] + header["needed"] + ROOM
    if free.f_bavail * free.f_frsize < needed:
        raise Refused(f"the disk is full: {needed >> 20} MB are needed")
    like = os.stat(places()[0])
    os.umask(0o777 & ~like.st_mode)
    os.makedirs(NEW)
    os.chmod(STATE, 0o700)
    digest, left = hashlib.sha256(), header["size"]
    with open(STATE + "/archive", "wb") as file:
        while left:
            block = os.read(0, min(left, 1 << 20))
            if not block:
                raise Refused(BROKEN)
            digest.update(block)
            file.write(block)
            left -= len(block)
    tell(progress="unpacking")
    if digest.hexdigest() != header["sha256"]:
        raise Refused("what arrived is not what was sent; nothing was changed")
    with tarfile.open(STATE + "/archive") as archive:
        for member in archive:
            unpack(archive, member, like)
    os.unlink(STATE + "/archive")
    tell(progress=f"compiling {len(header['python'])} files")
    for path in header["python"]:  # while nobody uses it; whoever runs it may not be allowed to write there
        compileall.compile_file(os.path.join(NEW, path), ddir=os.path.dirname(os.path.abspath(path)), quiet=2)
    for path in walk(NEW):
        group(os.path.join(NEW, path), like)


def unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, like: os.stat_result) -> None:
    """Write a file of the archive into NEW."""
    inside(member.name)
    path = os.path.join(NEW, member.name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    content = archive.extractfile(member)
    if content is None:
        raise Refused(f"{member.name} is not a file")
    with content, open(path, "wb") as file:
        shutil.copyfileobj(content, file)
    if member.mode & 0o111:
        os.chmod(path, 0o777 & like.st_mode)
    os.utime(path, (member.mtime, member.mtime))


def group(path: str, like: os.stat_result) -> None:
    """Give what is new the group of what is there; where that can't be, it matters only if others may not read it."""
    if os.stat(path).st_gid == like.st_gid:
        return
    try:
        os.chown(path, -1, like.st_gid)
    except PermissionError:
        if not like.st_mode & 0o005:
            raise Refused(
                f"the owner of the virtualenv is not in its group {like.st_gid}, which has to read it"
            ) from None


def inside(path: str) -> None:
    """Refuse a path that leads out of the virtualenv, by itself or by a link."""
    root = os.path.realpath(".")
    folder = os.path.realpath(os.path.dirname(path) or ".")
    if os.path.isabs(path) or not f"{folder}/".startswith(f"{root}/"):
        raise Refused(f"{path} leads out of the virtualenv")


def bytecode(path: str) -> list[str]:
    """Return what a module was compiled to."""
    folder, name = os.path.split(path)
    stem = glob.escape(os.path.join(folder, "__pycache__", name[:-3]))
    return sorted(glob.glob(stem + ".*.pyc")) if name.endswith(".py") else []


def files_of(name: str, folders: list[str]) -> Iterator[str]:
    """Yield the files of an installed package, relative to the virtualenv."""
    for found in importlib.metadata.distributions(path=folders):
        if re.sub(r"[-_.]+", "-", found.metadata["Name"] or "").lower() != name:
            continue
        own = os.path.normpath(str(found._path))  # type: ignore[attr-defined]
        egg = (found.read_text("installed-files.txt") or "").split("\n")
        listed = [os.path.join(own, each) for each in egg if each]
        listed = listed or [str(found.locate_file(each)) for each in found.files or ()]
        listed += [os.path.join(own, each) for each in os.listdir(own)]  # what a list leaves out, such as itself
        for path in dict.fromkeys(map(os.path.normpath, listed)):
            if os.path.lexists(path) and not os.path.isdir(path):
                inside(path)
                yield from [path, *bytecode(path)]


def walk(folder: str) -> Iterator[str]:
    """Yield the files below a folder, relative to it."""
    for path, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(path, name), folder) for name in names)


def plan(remove: list[str]) -> dict[str, Any]:
    """Return what will be moved, and the folders that may become empty by that; refuse what could not be."""
    folders = list(dict.fromkeys(places()))
    new = sorted(walk(NEW))
    gone = [path for name in remove for path in files_of(name, folders)]
    gone += [path for path in new if os.path.lexists(path)]  # of nobody, or of two
    for folder in sorted({standing(path) for path in [*gone, *new]}):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Refused(f"{os.path.abspath(folder)} can't be written by its owner")
    made = {folder for path in new for folder in parents(path) if not os.path.isdir(folder)}
    own = {"bin", *(folder for place in folders for folder in parents(f"{place}/any"))}  # these stay, empty or not
    left = sorted({folder for path in gone for folder in parents(path)} - own)
    states = {folder: [os.stat(folder).st_mode & 0o7777, os.stat(folder).st_gid] for folder in left}
    return {"old": list(dict.fromkeys(gone)), "new": new, "made": sorted(made), "left": states}


def standing(path: str) -> str:
    """Return the innermost folder of a path that is there."""
    return next((folder for folder in reversed(parents(path)) if os.path.isdir(folder)), ".")


def parents(path: str) -> list[str]:
    """Return the folders that a path is in, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def move(journal: dict[str, Any]) -> None:
    """Take the old files away and put the new ones in their place: some milliseconds."""
    like = os.stat(places()[0])
    for path in journal["old"]:
        os.makedirs(os.path.join(OLD, os.path.dirname(path)), exist_ok=True)
    for path in journal["old"]:
        os.rename(path, os.path.join(OLD, path))
    for folder in journal["made"]:
        os.mkdir(folder)
        group(folder, like)
    for path in journal["new"]:
        os.rename(os.path.join(NEW, path), path)
    empty(journal["left"])  # an empty dist-info would be taken for an installed package


def back(journal: dict[str, Any]) -> None:
    """Undo a move, from wherever it or an earlier undoing was interrupted."""
    for path in journal["new"]:
        staged = os.path.join(NEW, path)
        if not os.path.lexists(staged) and os.path.lexists(path):
            for compiled in set(bytecode(path)) - set(journal["new"]):  # made since
                os.unlink(compiled)
            os.rename(path, staged)
    for folder, state in sorted(journal["left"].items()):
        again(folder, *state)
    for path in journal["old"]:
        if os.path.lexists(os.path.join(OLD, path)):
            os.rename(os.path.join(OLD, path), path)
    empty(journal["made"])
    rename(JOURNAL, STATE + "/undone.json")


def again(folder: str, mode: int, gid: int) -> None:
    """Make a folder that is missing, as it was; a group that its owner may not give is no reason to leave files out."""
    if not os.path.isdir(folder):
        os.mkdir(folder)
    with contextlib.suppress(PermissionError):
        if os.stat(folder).st_gid != gid:
            os.chown(folder, -1, gid)
    with contextlib.suppress(PermissionError):
        if os.stat(folder).st_mode & 0o7777 != mode:
            os.chmod(folder, mode)


def empty(folders: Iterable[str]) -> None:
    """Remove those folders that have nothing in them, the innermost first."""
    for folder in sorted(folders, key=len, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def kept() -> bool:
    """Wait for the caller's word; tell whether the change stays."""
    buffer = b""
    while select.select([0], [], [], SILENCE)[0]:
        piece = os.read(0, 4096)
        buffer += piece
        *lines, buffer = buffer.split(b"\n")
        words = [line for line in lines if line != b"alive"]
        if words or not piece:
            return words[:1] == [b"keep"]
    return False


def line() -> bytes:
    """Read stdin's first line, and nothing behind it."""
    found = b""
    while not found.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise Refused(BROKEN)
        found += byte
    return found


def change() -> None:
    """Do it all, in the current folder."""
    header = json.loads(line())
    recover()
    stays = False
    try:
        receive(header)
        journal = plan(header["remove"])
        write(JOURNAL, journal)
        move(journal)
        os.sync()
        tell(installed=len(journal["new"]))
        stays = kept()
        if stays:
            rename(JOURNAL, KEPT)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        recover()
    tell(ended="kept" if stays else "back")


def main() -> None:
    """Let nobody else change it meanwhile; a signal that ends us undoes what is half done."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    folder = os.open(".", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if sys.argv[1:] == ["recover"]:
            tell(ended="back" if recover() else "")
        else:
            change()
    except BlockingIOError:
        tell(refused="somebody else is changing it just now")
    except Refused as error:
        tell(refused=str(error))
    except OSError as error:
        tell(refused=f"{error.filename or 'the virtualenv'}: {error.strerror}")


if __name__ == "__main__":
    main()
