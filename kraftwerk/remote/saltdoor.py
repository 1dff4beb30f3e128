"""Runs on a node, as an argument of python3: leads the connection to the engine, which it takes in and starts at need.

Its arguments are the engine's folder, its key, the folder of plain salt-ssh and the settings of Salt, as JSON. What is
asked for (`{"need": "engine"}`) comes on stdin after a line with its size. Then stdin, stdout and stderr are handed to
the engine (saltengine.py), over a socket that root alone reaches; its exit code becomes ours.
"""

import array
import contextlib
import fcntl
import io
import json
import os
import socket
import sys
import time

TYPE_CHECKING = False  # typing takes a while to import
if TYPE_CHECKING:
    from typing import Any

FOLDER, KEY, STOCK, SETTINGS = sys.argv[1:5]
SHM = "/dev/shm"  # noqa: S108 - memory, where each run has a 0700 folder of its own
MARK = "kraftwerk-salt-"
SOON = 60  # seconds


def exactly(size: int) -> bytes:
    """Read that many bytes, unbuffered, so that nothing behind them is taken away."""
    pieces = []
    while size:
        piece = os.read(0, min(size, 1 << 20))
        if not piece:
            sys.exit("the connection broke before anything was done")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


class Incoming(io.RawIOBase):
    """So many bytes that come, as a file to read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        """Tell that it is one to read."""
        return True

    def readinto(self, buffer: "Any") -> int:
        """Read as many of them as are left and fit."""
        piece = exactly(min(len(buffer), self.left))
        buffer[: len(piece)] = piece
        self.left -= len(piece)
        return len(piece)


def line() -> bytes:
    """Read up to the end of the line."""
    found = b""
    while not found.endswith(b"\n"):
        found += exactly(1)
    return found


def take_in() -> None:
    """Ask for the engine, unpack it as it comes, and lay it into its folder in one step.

    `tarfile` sets owner, times and mode of each file, too, for which it takes longer than for the content.
    """
    import importlib.util

    asked = {"need": "engine", "magic": importlib.util.MAGIC_NUMBER.hex()}
    os.write(1, json.dumps(asked).encode() + b"\n")
    import tarfile

    place, incoming = new_folder(FOLDER, "."), io.BufferedReader(Incoming(int(line())), 1 << 16)
    with tarfile.open(fileobj=incoming, mode="r:gz") as archive:
        for entry in archive:
            path, content = os.path.join(place, entry.name), archive.extractfile(entry)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if content is not None:
                with open(path, "xb") as file:
                    file.write(content.read())
    incoming.read()
    if os.path.isdir(os.path.join(FOLDER, KEY)):  # half of one
        retire(os.path.join(FOLDER, KEY))
    os.rename(place, os.path.join(FOLDER, KEY))


def sweep(*wanted: str) -> None:
    """Remove engines of other versions, unless something runs in them, and what is left of those that were removed."""
    for name in os.listdir(FOLDER):
        if name.startswith("."):
            remove(os.path.join(FOLDER, name))
        elif name not in wanted and not name.startswith(MARK) and os.path.isdir(os.path.join(FOLDER, name)):
            retire(os.path.join(FOLDER, name))


def retire(folder: str) -> None:
    """Remove an engine, under another name, so that none is ever found half; unless a run holds it (saltmodules.py)."""
    with contextlib.suppress(BlockingIOError):
        held = hold(folder)
        try:
            aside = new_folder(FOLDER, ".")
            os.rename(folder, os.path.join(aside, "engine"))
            remove(aside)
        finally:
            os.close(held)


def locked() -> io.TextIOWrapper:
    """Return the open file whose lock one process at a time has, to take in and to start."""
    file = open(os.path.join(FOLDER, "lock"), "w")  # noqa: SIM115 - held until we close it
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def connected() -> socket.socket | None:
    """Return a connection to the engine that runs, or None."""
    door = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(os.path.join(FOLDER, KEY))  # a short path: a socket's may have 107 characters
        door.connect("socket")
    except OSError:
        return None
    return door


def start() -> None:
    """Start the engine, which ends itself when nobody needs it."""
    os.chdir(os.path.join(FOLDER, KEY))
    if os.path.exists("socket"):
        os.unlink("socket")
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket")
    server.listen(64)
    if os.fork():
        server.close()
        return
    os.setsid()
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (log, 1), (log, 2), (server.fileno(), 3)):
        os.dup2(source, target)
    os.closerange(4, 256)
    words = [sys.executable, "-I", os.path.join(FOLDER, KEY, "saltengine.py")]
    os.execve(sys.executable, words, {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"})  # noqa: S606


def engine() -> socket.socket | None:
    """Return a connection to the engine, which is taken in and started at need."""
    door = connected()
    if door is None:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        with locked():
            door = connected()
            if door is None:
                if not os.path.isfile(os.path.join(FOLDER, KEY, "saltengine.py")):
                    take_in()
                sweep(KEY)
                start()
                door = connected()
    return door


def work() -> tuple[str, int]:
    """Return a new folder in memory for what a run needs, and its lock; folders of runs that were killed go.

    The lock is held as long as we or the run have it open: whoever gets that of another folder may remove it.
    """
    where = SHM if os.access(SHM, os.W_OK) else FOLDER
    for name in os.listdir(where) if os.path.isdir(where) else ():
        path = os.path.join(where, name)
        if name.startswith(MARK) and is_ours(path):
            with contextlib.suppress(OSError):
                held = hold(path)
                remove(path)
                os.close(held)
    archive = os.path.join(STOCK, "salt_state.tgz")  # of a plain salt-ssh that was killed, or will read it in a moment
    with contextlib.suppress(FileNotFoundError):
        if abs(time.time() - os.stat(archive).st_mtime) > SOON:
            os.unlink(archive)
    while True:
        folder = new_folder(where, MARK)
        with contextlib.suppress(BlockingIOError, FileNotFoundError):  # another door took it for a killed run's
            held = hold(folder)
            if os.path.isdir(folder):
                return folder, held


def hold(folder: str) -> int:
    """Return the open folder, with its lock; OSError where somebody has that, or it is gone."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def is_ours(path: str) -> bool:
    """Tell whether something is there that is our user's: others may make folders beside it, and remove their own."""
    try:
        return os.lstat(path).st_uid == os.getuid()
    except FileNotFoundError:
        return False


def new_folder(where: str, prefix: str) -> str:
    """Make a folder of our own (0700), whose name has our number in it and can't be foreseen."""
    path = os.path.join(where, f"{prefix}{os.getpid()}-{os.urandom(8).hex()}")
    os.mkdir(path, 0o700)
    return path


def remove(folder: str) -> None:
    """Remove a folder, which is most often gone."""
    if os.path.isdir(folder):
        import shutil  # takes a while

        shutil.rmtree(folder, ignore_errors=True)


def hand_over(door: socket.socket, hello: dict[str, object], held: int) -> bool:
    """Hand our streams and the lock to the engine; return False where it ended before it took them."""
    streams = array.array("i", [0, 1, 2, held])
    try:
        door.sendmsg([json.dumps(hello).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        return door.recv(1) == b"T"
    except OSError:
        return False


def last_words() -> str:
    """Return what an engine said that doesn't start, and remove it: after a power cut files may be empty."""
    folder, said = os.path.join(FOLDER, KEY), ""
    with contextlib.suppress(OSError), locked():
        with open(os.path.join(folder, "log"), errors="replace") as log:
            said = log.read()[-2000:].strip()
        retire(folder)
    return said


def main() -> int:
    """Have the engine do what comes on stdin, and leave nothing of it."""
    umask = os.umask(0o077)
    folder, held = work()
    try:
        hello = {"umask": umask, "environment": dict(os.environ), "work": folder, "settings": json.loads(SETTINGS)}
        for _ in range(2):  # the first may just have ended, idle
            door = engine()
            if door is not None and hand_over(door, hello, held):
                return ord(door.recv(1) or b"\x01")
        sys.exit("the engine doesn't start: " + (last_words() or "it says nothing"))
    finally:
        remove(folder)


sys.exit(main())
