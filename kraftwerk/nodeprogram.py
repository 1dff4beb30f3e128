"""Calls of the execution modules on a node without Salt: the modules go along over ssh, and nothing is left there.

Salt's start costs 0.8 s and its return values can't be large; data wants neither (docs/decisions/0016). The modules are
those that Salt would take: the project's own, the admin's, the shipped ones; the same name wins in this order.
"""

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, share
from kraftwerk.project import find_root
from kraftwerk.remote import program
from kraftwerk.screen import OnProgress
from kraftwerk.transport import UNREACHABLE, Connection, unreachable

MARK = b"\x1e"  # begins each message of kw_call on stderr; what stands before it is a program's own
ENDING = 15  # seconds that a call may take to undo what is half done, after we are interrupted

OnReport = Callable[[Any], None]


def call(
    connection: Connection,
    function: str,
    *arguments: Any,
    on_progress: OnProgress | None = None,
    on_report: OnReport | None = None,
    timeout: float | None = None,
    user: str = "",
    **keywords: Any,
) -> Any:
    """Call a function of a `kw_` module on a node and return what it returns.

    It, and all that it started there, is stopped when this process ends in any way.

    Args:
        function: such as `kw_postgres.inspect`.
        arguments, keywords: its arguments, JSON; they travel on stdin, so that no process list shows them.
        on_progress: is called with each text that the function gives to `kw_call.progress`.
        on_report: is called with each value that it gives to `kw_call.report`.
        timeout: seconds.
        user: who it runs as, in place of root.

    Raises:
        KraftwerkError: the node can't be reached, there is no such function, it raised, or it took too long.
    """
    running = Running(
        connection, function, arguments, keywords, user=user, on_progress=on_progress, on_report=on_report
    )
    with _ended(running):
        return running.result(timeout)


@contextmanager
def start(
    connection: Connection,
    function: str,
    *arguments: Any,
    feeds: bool = False,
    stdout: process.Stream = process.PIPE,
    on_progress: OnProgress | None = None,
    on_report: OnReport | None = None,
    **keywords: Any,
) -> Iterator["Running"]:
    """Start a function whose stdout is a stream of bytes, or which reads one from stdin.

    Read `stdout` to its end, or write `stdin` and close it; then `result()` is what the function returned, or raises.

    Args:
        feeds: stdin is the function's; else its end tells the node that we are gone.
        stdout: a file for the stream, that ssh itself writes to.
        function, arguments, on_progress, on_report, keywords: as in `call`.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    running = Running(
        connection,
        function,
        arguments,
        keywords,
        feeds=feeds,
        stdout=process.DEVNULL if feeds else stdout,
        on_progress=on_progress,
        on_report=on_report,
    )
    with _ended(running):
        yield running


class Running:
    """A function that runs on a node.

    Attributes:
        stdout: what it prints, when it is read.
        stdin: what it reads, when it is fed.
    """

    def __init__(
        self,
        connection: Connection,
        function: str,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        *,
        user: str = "",
        feeds: bool = False,
        stdout: process.Stream = process.DEVNULL,
        on_progress: OnProgress | None = None,
        on_report: OnReport | None = None,
    ) -> None:
        self.node, self.function = connection.node, function
        self._handlers = {"progress": on_progress, "report": on_report}
        self._answer: dict[str, Any] = {}
        self._words = b""
        self._failure: BaseException | None = None
        words = ["python3", "-Ic", program("nodeprogram")]
        self._process = connection.popen(words, stdin=process.PIPE, stdout=stdout, stderr=process.PIPE)
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self.stdin: IO[bytes] = self._process.stdin
        self.stdout: IO[bytes] | None = self._process.stdout
        # Not the thread's own end: a `join` that Ctrl-C breaks takes the thread for ended, in Python before 3.13.
        self._ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        asked = {"function": function, "arguments": arguments, "keywords": keywords}
        request = {**asked, "feeds": feeds, "user": user}
        with suppress(BrokenPipeError):  # why it ended so early is told by result()
            self.stdin.write(_parts(request))
            self.stdin.flush()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for its end and return what the function returned.

        Raises:
            KraftwerkError: the node can't be reached, the function raised, or it took more than `timeout` seconds.
        """
        if not self._ended.wait(timeout):
            raise KraftwerkError(f"{self.node.name}: {self.function} did not finish within {timeout:.0f} s")
        if self._failure is not None:
            raise self._failure
        code = self._process.wait()
        if "return" in self._answer:
            return self._answer["return"]
        if "error" in self._answer:
            raise KraftwerkError(f"{self.node.name}: {self._answer['error']}")
        words = self._words.decode(errors="replace")
        if code == UNREACHABLE:
            raise unreachable(self.node, words)
        last = words.strip().splitlines()[-1:] or [f"exit code {code}"]
        raise KraftwerkError(f"{self.node.name}: {self.function} failed: {last[0]}")

    def ended(self, seconds: float) -> bool:
        """Wait for its end so long at most, and tell whether it came."""
        return self._ended.wait(seconds)

    def end(self) -> None:
        """Have it stopped, if it still runs, and wait until it has undone what was half done."""
        with suppress(OSError):
            self.stdin.close()
        if self.stdout is not None:
            self.stdout.close()
        try:
            self._ended.wait(ENDING)
        finally:
            self._process.terminate()
            self._process.wait()

    def _listen(self) -> None:
        """Read stderr: messages, and between them what programs said."""
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        try:
            with self._process.stderr as stderr:
                for line in stderr:
                    words, mark, message = line.rpartition(MARK)
                    self._words = (self._words + words)[-4096:]
                    if mark:
                        self._take(json.loads(message))
                    else:
                        self._words = (self._words + message)[-4096:]
        finally:
            self._ended.set()

    def _take(self, message: dict[str, Any]) -> None:
        key = next(iter(message))
        if key not in self._handlers:
            self._answer = message
        elif (handler := self._handlers[key]) is not None and self._failure is None:
            try:
                handler(message[key])
            except BaseException as error:
                self._failure = error  # raised by result(), in the thread of who called


@contextmanager
def _ended(running: Running) -> Iterator[None]:
    try:
        yield
    finally:
        running.end()


def _parts(request: dict[str, Any]) -> bytes:
    """Return what remote/nodeprogram.py reads: the modules and the request, each after its length."""
    paths = module_files()
    content = _zip(tuple((str(path), path.stat().st_mtime_ns) for path in paths))
    asked = json.dumps({**request, "modules": [path.stem for path in paths]}).encode()
    return b"".join(b"%010d" % len(part) + part for part in (content, asked))


def module_files() -> list[Path]:
    """Return the modules that a node gets: of several with one name the project's, else the admin's, else ours."""
    project = find_root(Path.cwd())
    own = [config_home(), project] if project else [config_home()]
    trees = [share("_modules"), *(folder / "salt" / "_modules" for folder in own)]
    found = {path.name: path for tree in trees for path in sorted(tree.glob("kw_*.py"))}
    return [found[name] for name in sorted(found)]


@lru_cache(maxsize=2)
def _zip(files: tuple[tuple[str, int], ...]) -> bytes:
    """Return files as a zip, made once for as long as none of them changes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, _ in files:
            archive.write(path, Path(path).name)
    return buffer.getvalue()
