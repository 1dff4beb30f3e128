"""Locks among the processes of this machine; the kernel drops them when their holder dies."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kraftwerk.errors import KraftwerkError

POLL = 0.02  # seconds between two attempts


@contextmanager
def held(path: Path, *, busy: str, timeout: float = 60, remake: Callable[[], None] | None = None) -> Iterator[int]:
    """Hold the lock of a file or folder that exists, or is made here; yield its descriptor.

    A process that inherits the descriptor holds the lock, too, until it ends.

    Args:
        path: the file (made when missing) or the folder.
        busy: what to say when somebody else holds it for too long.
        timeout: seconds to wait.
        remake: makes `path` when it is missing; the default is an empty file.

    Raises:
        KraftwerkError: somebody else held it all the time.
    """
    deadline = time.monotonic() + timeout
    while True:
        descriptor = _open(path, remake)
        if _lock(descriptor, path):
            break
        os.close(descriptor)
        if time.monotonic() > deadline:
            raise KraftwerkError(busy)
        time.sleep(POLL)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the lock of a file just now; others who ask at the same time don't count."""
    if not path.exists():
        return False
    descriptor = _open(path, None)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def remove_abandoned(folder: Path) -> None:
    """Remove a folder of ours that a killed process left: whoever lives holds its lock.

    One who has made it and not locked it yet must be able to make it again (`held` with `remake`).
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):  # another one's, or gone by now
        return
    try:
        if os.fstat(descriptor).st_uid == os.getuid() and _lock(descriptor, folder):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def _open(path: Path, remake: Callable[[], None] | None) -> int:
    if remake is None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDONLY if path.exists() else os.O_RDWR | os.O_CREAT
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    while True:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            remake()


def _lock(descriptor: int, path: Path) -> bool:
    """Try to take the lock; one on something that was removed meanwhile doesn't count."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
