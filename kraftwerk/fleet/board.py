"""What is shown of work at several nodes: results in the order of nodes; on a terminal, a live line for each before.

What a node has to say is held back until all before it are done, so that the same work prints the same text; that of
the first one that isn't done comes at once.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import click

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError

TICK = 0.1  # seconds between two pictures of a live board
IN_MEMORY = 1 << 20  # bytes that are held back of a node; more go to a file
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
WAITING, RUNNING, ENDED = range(3)

Told = Callable[[Any], Sequence[str]]


def _spool() -> BinaryIO:
    return cast(BinaryIO, SpooledTemporaryFile(IN_MEMORY))


@dataclass
class _Place:
    """What is known of a node: how far it is, what it said last, and what is held back of it."""

    state: int = WAITING
    began: float = 0.0
    ended: float = 0.0
    said: str = ""
    failed: bool = False
    begun: dict[bool, bytes] = field(default_factory=lambda: {False: b"", True: b""})  # lines without their end
    held: BinaryIO = field(default_factory=_spool)


class Board:
    """Shows work at nodes; used as a context manager around it.

    Args:
        names: the nodes, in the order of results.
        doing: what is done, in a word, for the live lines.
        told: returns the lines that tell a node's value, which it is called with.
        as_json: print nothing but what goes to stderr, and what nodes print goes there, too.
    """

    def __init__(self, names: Sequence[str], *, doing: str, told: Told = lambda _: (), as_json: bool = False) -> None:
        self.doing, self.told, self.as_json = doing, told, as_json
        self.width = max(map(len, names), default=0)
        self.places = {name: _Place() for name in names}
        self.turns = list(names)  # those that aren't all printed
        self._live: Any = None
        self._drawn = 0.0

    @property
    def tick(self) -> float | None:
        """Return after how many seconds it wants to be drawn anew."""
        return TICK if self._live is not None else None

    def __enter__(self) -> Self:
        if sys.stdout.isatty() and screen.settings.verbosity >= 0 and not self.as_json:
            from rich.console import Console
            from rich.live import Live

            console = Console(highlight=False)
            self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        for name in self.turns:  # after Ctrl-C: what there is
            self._print(name)

    def begin(self, name: str) -> None:
        """Say that the work at a node begins."""
        self.places[name].state, self.places[name].began = RUNNING, time.monotonic()

    def progress(self, name: str, text: str) -> None:
        """Show what is being done at a node; without a terminal only with -v."""
        self.places[name].said = text
        if self._live is None:
            screen.detail(f"{self._title(name)}{text}")

    def output(self, name: str, piece: bytes, *, is_error: bool) -> None:
        """Take a piece of what is printed at a node."""
        place = self.places[name]
        *lines, rest = (place.begun[is_error] + piece).split(b"\n")
        place.begun[is_error] = rest
        if lines:
            place.said = lines[-1].decode(errors="replace")
            self._hold(place, lines, is_error)
        if name == self.turns[0]:
            self._print(name)

    def end(self, name: str, value: Any, error: KraftwerkError | None) -> None:
        """Say that a node is done: with its value, or why there is none."""
        place = self.places[name]
        for is_error, rest in place.begun.items():
            self._hold(place, [rest] if rest else [], is_error)
        if error is not None:
            said = f"{screen.harmless(error.cause.removeprefix(f'{name}: '))}"
            advice = f" → {error.next_command}" if error.next_command else ""
            self._hold(place, [f"✗ {said}{advice}".encode()], True)
        elif not self.as_json:
            self._hold(place, [line.encode() for line in self.told(value)], False)
        place.state, place.failed, place.ended = ENDED, error is not None, time.monotonic()
        ready = list(takewhile(lambda each: self.places[each].state == ENDED, self.turns))
        del self.turns[: len(ready)]
        if self._live is not None:
            self._live.update(self._picture(time.monotonic()))
        for each in [*ready, *self.turns[:1]]:
            self._print(each)

    def refresh(self) -> None:
        """Draw the live lines anew, a few times a second."""
        now = time.monotonic()
        if self._live is not None and now - self._drawn >= TICK:
            self._drawn = now
            self._live.update(self._picture(now), refresh=True)

    def _hold(self, place: _Place, lines: Sequence[bytes], is_error: bool) -> None:
        mark = b"!" if is_error else b" "
        place.held.writelines(mark + part + b"\n" for line in lines for part in line.split(b"\n"))

    def _print(self, name: str) -> None:
        """Print what is held back of a node."""
        place = self.places[name]
        place.held.seek(0)
        for line in place.held:
            text = f"{self._title(name)}{screen.harmless(line[1:-1].decode(errors='replace'))}"
            self._say(text, is_error=line.startswith(b"!"))
        place.held.seek(0)
        place.held.truncate()

    def _say(self, text: str, *, is_error: bool) -> None:
        is_error = is_error or self.as_json
        if self._live is not None and (not is_error or sys.stderr.isatty()):
            self._live.console.out(text, highlight=False)
        elif is_error:
            click.echo(text, err=True)
        else:
            screen.say(text)

    def _title(self, name: str) -> str:
        return f"{name.ljust(self.width)}  "

    def _picture(self, now: float) -> Any:
        """Return the live lines: those that are at work first, when there are more than the terminal has."""
        from rich.text import Text

        begun = [name for name in self.turns if self.places[name].state != WAITING]
        room = max(self._live.console.height - 2, 1)
        shown = sorted(begun, key=lambda name: self.places[name].state)[:room]
        lines = []
        for name in sorted(shown, key=self.turns.index):
            place = self.places[name]
            mark = FRAMES[int(now / TICK) % len(FRAMES)] if place.state == RUNNING else "✗" if place.failed else "✓"
            said = click.unstyle(screen.harmless(place.said or self.doing))
            lines.append(f"{mark} {self._title(name)}{(place.ended or now) - place.began:3.0f}s  {said}")
        ended = sum(place.state == ENDED for place in self.places.values())
        lines.append(f"{self.doing} … {ended} of {len(self.places)} done")
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
