"""A program that serves while one works: its output goes into the log, and it is started anew when files change."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which
from subprocess import TimeoutExpired

from kraftwerk import argv, process
from kraftwerk.serve.log import Log

GRACE = 3  # seconds to finish what is begun, when it is stopped
KEPT = 60  # lines of its output, for the page that tells of its end

Translate = Callable[[str], str | None]  # a line of its output as it is shown, None if it isn't


class Child:
    """One of the programs that `serve` keeps running.

    Attributes:
        name: what its lines in the log begin with.
        said: its last lines.
        ended: it has ended by itself, and all that it said was read.
        asked: when it was asked to end, by the clock that never turns back; 0 if nobody has.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        *,
        folder: Path,
        environ: Mapping[str, str],
        log: Log,
        translate: Translate = lambda line: line,
    ) -> None:
        self.name, self.said, self.ended, self.asked = name, deque[str](maxlen=KEPT), False, 0.0
        self._words, self._folder, self._environ = list(words), folder, environ
        self._log, self._translate = log, translate
        self._running: process.Popen | None = None
        self._reading: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Return its process; None where it doesn't run."""
        return self._running.pid if self._running and self._running.poll() is None else None

    def start(self) -> None:
        """Start it unless it runs, in a session of its own: Ctrl-C is for us. If we are killed, the kernel stops it.

        Raises:
            KraftwerkError: the program is missing.
        """
        if self.pid:
            return
        self.said.clear()
        self.ended, self.asked = False, 0.0
        words = argv.ending_with_us(self._words) if which("setpriv") else self._words
        options = {"cwd": self._folder, "env": self._environ, "stderr": process.STDOUT, "detach": True}
        self._running = running = process.popen(words, **options)  # type: ignore[arg-type]
        assert running.stdout is not None  # noqa: S101 - a pipe was asked for
        self._reading = self._log.pump(running.stdout, self._hear, lambda: self._ended(running))

    def ask(self) -> None:
        """Ask it to end; `stop` sees to it. Several that are asked first end at the same time."""
        if self._running and not self.asked:
            self.asked = time.monotonic()
            _signal(self._running, signal.SIGTERM)

    def stop(self) -> None:
        """Stop it with all that it started: asked first, then made to."""
        self.ask()
        running, self._running = self._running, None
        self.ended = False
        if running is None:
            return
        with suppress(TimeoutExpired):
            running.wait(max(0.0, self.asked + GRACE - time.monotonic()))
        _signal(running, signal.SIGKILL)
        running.wait()
        if self._reading:
            self._reading.join(1)

    def _hear(self, line: str) -> None:
        shown = self._translate(line)
        if shown is not None:
            self.said.append(shown)
            self._log.line(self.name, shown)

    def _ended(self, running: process.Popen) -> None:
        code = running.wait()
        if running is self._running and not self.asked:  # else we stopped it
            self.ended = True
            how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
            self._log.fail(f"{self.name} {how}; it starts again when a file is saved")


def _signal(running: process.Popen, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, number)
