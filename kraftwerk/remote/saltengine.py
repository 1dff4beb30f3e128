"""Salt's engine on a node: imported once, it forks a process for each run, and ends when nobody needs it.

saltdoor.py starts it and hands the connection's streams over. A run reads requests from stdin and answers on stdout,
line by line, JSON each: `{"call": [words], "size": bytes of an archive that follow, …}` is answered by
`{"err": text}` as Salt logs, and at the end `{"out": text, "code": number}`. Nothing of a run stays in this process.
"""

import gc
import importlib
import json
import logging
import os
import select
import shutil
import socket
import sys
import tempfile
import time
from typing import Any, cast

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "code"), HERE]

import saltlock  # type: ignore[import-not-found] # noqa: E402 - it lies beside us on the node, as do the others
import saltmodules  # type: ignore[import-not-found] # noqa: E402

IDLE = 600  # seconds without a run until it ends
TICK = 5
IMPORTED = ("salt.cli.caller", "salt.config", "salt.fileclient", "salt.state", "salt.utils.templates", "jinja2.sandbox")
SHORT = 96 << 20  # bytes of free memory below which it ends as soon as nothing runs


def serve(server: socket.socket) -> None:
    """Take connections, a process for each, until nobody needs us."""
    there, last, runs = in_place(), time.monotonic(), set()
    while True:
        ready = select.select([server], [], [], TICK)[0]
        if ready and in_place() == there:
            door = server.accept()[0]
            number = os.fork()
            if not number:
                server.close()
                leave(door)
            runs.add(number)
            last = time.monotonic()
            door.close()
        elif ready:
            return  # Python or we were replaced: who knocks starts a new one
        runs = {number for number in runs if not os.waitpid(number, os.WNOHANG)[0]}
        if not runs and (in_place() != there or time.monotonic() - last > IDLE or free_memory() < SHORT):
            return


def in_place() -> tuple[object, object]:
    """Return what changes when Python or we are replaced, or removed: another engine may be where we were."""
    return status_of(sys.executable), status_of(os.path.join(HERE, "saltengine.py"))


def status_of(path: str) -> tuple[int, int] | None:
    """Return what changes when a file is replaced."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def free_memory() -> int:
    """Return the bytes of memory that are to be had."""
    with open("/proc/meminfo") as lines:
        found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else SHORT


def weigh(score: str) -> None:
    """Tell the kernel whom to end when memory runs out: with 1000 us before all others, with 0 us like any other."""
    if os.access("/proc/self/oom_score_adj", os.W_OK):
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(score)


def leave(door: socket.socket) -> None:
    """Be the process of a connection, to its end."""
    code = 1
    try:
        code = Run(door).serve()
    finally:
        try:
            door.send(bytes([code]))
        finally:
            os._exit(code)


class Frames:
    """What Salt prints goes to the caller as messages; a caller who is gone stops no run (see saltlock.py)."""

    def __init__(self, stream: int, key: str) -> None:
        self.stream, self.key = stream, key

    def write(self, text: str) -> int:
        """Send a text."""
        if text:
            self.send({self.key: text})
        return len(text)

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        data = json.dumps(message).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self.stream, data) :]
        except OSError:
            pass

    def fail(self, reason: str) -> None:
        """Answer that there is no value."""
        self.send({"err": reason})
        self.send({"out": "", "code": 1})

    def flush(self) -> None:
        """Do nothing: nothing is kept."""

    def isatty(self) -> bool:
        """Tell that it is no terminal."""
        return False

    encoding = "utf-8"


class Run:
    """One connection: its requests, each in a process of its own, with Salt's modules loaded before."""

    def __init__(self, door: socket.socket) -> None:
        self.engine = saltmodules.hold(HERE)  # so that an engine of another version leaves it in its place
        self.modules = saltmodules.Modules(HERE)
        data, (*streams, self.held), _, _ = socket.recv_fds(door, 1 << 20, 4)
        os.set_inheritable(self.held, False)
        hello = json.loads(data)
        door.send(b"T")
        self.work = hello["work"]
        self.requests, self.answers = os.dup(streams[0]), os.dup(streams[1])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(streams[2], 1)
        os.dup2(streams[2], 2)
        for stream in streams:
            os.close(stream)
        os.setsid()
        os.umask(hello["umask"])
        os.environ.clear()
        os.environ.update(hello["environment"])
        os.chdir(os.environ.get("HOME", "/"))
        tempfile.tempdir = self.work
        weigh("0")
        self.frames = Frames(self.answers, "err")
        self.loaded: dict[str, Any] | None = None
        settings = hello["settings"]
        if settings.pop("offered") and not self.modules.hold(settings["modules"]):
            self.take_modules(settings["modules"])
        self.frames.send({"ready": True})
        self.load(settings)

    def serve(self) -> int:
        """Answer requests until the caller closes the stream."""
        while line := self.line():
            request = json.loads(line)
            if "modules" in request:
                self.take_modules(request["modules"])
            else:
                archive = self.exactly(request["size"])
                if self.load(request["settings"]):
                    self.call(request, archive)
                else:
                    self.frames.fail("the custom modules are gone from the node\n")
        shutil.rmtree(self.work, ignore_errors=True)
        self.modules.release()
        os.close(self.engine)
        return 0

    def line(self) -> bytes:
        """Read a line, empty at the end."""
        found = b""
        while not found.endswith(b"\n"):
            piece = os.read(self.requests, 1)
            if not piece:
                return b""
            found += piece
        return found

    def exactly(self, size: int) -> bytes:
        """Read that many bytes."""
        found = bytearray()
        while len(found) < size:
            piece = os.read(self.requests, min(size - len(found), 1 << 20))
            if not piece:
                os._exit(1)
            found += piece
        return bytes(found)

    def take_modules(self, wanted: str) -> None:
        """Make sure that the custom modules are those, and stay as long as we do."""
        if not wanted or self.modules.hold(wanted):
            self.frames.send({"have": "modules"})
            return
        self.frames.send({"need": "modules"})
        old = os.umask(0o077)
        self.modules.take_in(self.exactly(int(self.line())), wanted)
        os.umask(old)

    def load(self, settings: dict[str, Any]) -> bool:
        """Load Salt with these settings, unless it is already; tell whether the modules are there that it needs."""
        if self.loaded == settings:
            return True
        if settings["modules"] and not self.modules.hold(settings["modules"]):
            return False
        import salt.cli.caller
        import salt.config

        overrides = {**settings["minion"], "file_client": "local", "local": True}
        old = os.umask(0o077)
        opts = salt.config.apply_minion_config(overrides)
        opts["extension_modules"] = self.modules.path_of(settings["modules"])
        opts["cachedir"] = os.path.join(self.work, "cache")  # the files of states go with the run
        opts.update({"fun": "", "arg": [], "return": "", "local": True, "no_parse": [], "print_metadata": True})
        os.makedirs(opts["cachedir"], exist_ok=True)
        self.caller = salt.cli.caller.Caller.factory(opts)
        os.umask(old)
        self.loaded = settings
        return True

    def call(self, request: dict[str, Any], archive: bytes) -> None:
        """Answer a call from a process of its own."""
        number = os.fork()
        if not number:
            try:
                saltlock.mark(request["call"])
                self.frames.send(self.answer(request, archive))
            except BaseException as error:
                self.frames.fail(f"Traceback: {error!r}\n")
            finally:
                os._exit(0)
        status = os.waitpid(number, 0)[1]
        if status:
            self.frames.fail(f"it was ended by signal {status & 127}\n")

    def answer(self, request: dict[str, Any], archive: bytes) -> dict[str, Any]:
        """Return the answer to a call, as salt-call gives it."""
        sys.stdout, sys.stderr = cast(Any, Frames(self.answers, "said")), cast(Any, self.frames)
        log_to(sys.stderr, request["level"])
        words = request["call"]
        if archive:
            memory = os.memfd_create("archive")
            os.write(memory, archive)
            words = [word.replace("@archive", f"/proc/{os.getpid()}/fd/{memory}") for word in words]
        import saltparts  # type: ignore[import-not-found]

        opts = self.caller.opts
        if words[-1].startswith("--no-parse="):
            opts["no_parse"] = words.pop()[11:].split(",")
        opts["fun"], opts["arg"], opts["log_level"] = words[0], words[1:], request["level"]
        try:
            value = self.caller.call()
        except SystemExit as error:
            if isinstance(error.code, str):
                sys.stderr.write(error.code)
            return {"out": "", "code": error.code & 255 if isinstance(error.code, int) else 1}
        except Exception as error:
            import traceback

            sys.stderr.write("".join(traceback.format_exception(error)))
            return {"out": "", "code": 1}
        return {"out": json.dumps({"local": value}, default=saltparts.plain), "code": value.get("retcode", 0)}


def log_to(stream: Any, level: str) -> None:
    """Have Salt's log go there, from this level up, as salt-call prints it; `quiet` for none."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    logging.raiseExceptions = False
    if level == "quiet":
        root.setLevel(logging.CRITICAL + 1)
        root.addHandler(logging.NullHandler())
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("[%(levelname)-8s] %(message)s"))
    root.addHandler(handler)
    root.setLevel(getattr(logging, level.upper()))


def main() -> None:
    """Import Salt, and serve the socket that we were started with."""
    server = socket.socket(fileno=3)
    os.umask(0o077)
    weigh("1000")
    for name in IMPORTED:
        importlib.import_module(name)
    importlib.import_module("saltparts").install()
    gc.freeze()
    serve(server)


main()
