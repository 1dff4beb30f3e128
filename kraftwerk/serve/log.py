"""One log of several processes: each line with the name of who said it, in a colour of its own."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO

import click

from kraftwerk.screen import harmless

OURS = "kraftwerk"
RECENT = 300  # lines
COLOURS = ("cyan", "magenta", "blue", "green", "bright_cyan", "bright_magenta")


class Log:
    """Prints `web    │ line`; may be called from several threads."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._width = max(map(len, [*self._names, OURS]))
        self._lock = threading.Lock()
        self._recent = deque[str](maxlen=RECENT)

    def line(self, name: str, text: str) -> None:
        """Print a line of a process."""
        with self._lock:
            if name not in self._names and name != OURS:
                self._names.append(name)
            colour = COLOURS[self._names.index(name) % len(COLOURS)] if name != OURS else "bright_black"
            self._recent.append(text.strip())
            click.echo(f"{click.style(f'{name:<{self._width}} │', fg=colour)} {harmless(text)}")

    def knows(self, text: str) -> bool:
        """Tell whether a line was printed a short while ago."""
        with self._lock:
            return text.strip() in self._recent

    def say(self, text: str, fg: str | None = None) -> None:
        """Print lines of our own."""
        for line in text.splitlines():
            self.line(OURS, click.style(line, fg=fg))

    def fail(self, text: str) -> None:
        """Print lines of our own about what went wrong."""
        self.say(text, fg="red")

    def pump(
        self, stream: IO[bytes], tell: Callable[[str], None], ended: Callable[[], None] = lambda: None
    ) -> threading.Thread:
        """Hand each line of a stream to a function, and call another at its end; return the thread that does it."""

        def work() -> None:
            for line in stream:
                tell(line.decode(errors="replace").rstrip("\r\n"))
            ended()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread
