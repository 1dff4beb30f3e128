"""Phases as they pass, one word for each: on a terminal one growing line, in a pipe a line for each.

Where several nodes share the screen, it is a growing line that is handed on, and a whole one in the end.
"""

import sys
from collections.abc import Callable
from typing import Any

import click

from kraftwerk.screen import detail, harmless, say, settings

SEPARATOR = " · "


class Tokens:
    """Prints `lock ✓ · node ✓ 38s · …`; used as a context manager around the phases.

    Args:
        shown: takes the line as it grows, in place of the screen.
    """

    def __init__(self, shown: Callable[[str], None] | None = None) -> None:
        self.words: list[str] = []
        self._shown = shown
        self._status: Any = None
        self._current = ""

    def __enter__(self) -> "Tokens":
        if self._shown is None and sys.stdout.isatty() and settings.verbosity >= 0:
            from rich.console import Console

            self._status = Console(highlight=False).status("")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._current:
            self._add(f"{self._current} {click.style('✗', fg='red')}")
        if self._status is not None:
            self._status.stop()
        if self._status is not None or self._shown is not None:
            say(SEPARATOR.join(self.words))

    def begin(self, name: str) -> None:
        """Show that a phase has begun."""
        self._current = name
        self._show(f"{name} …")

    def progress(self, text: str) -> None:
        """Show what the phase is doing right now; in a pipe only with -v."""
        if self._status is not None:
            self._show(f"{self._current} … [dim]{text[:80].replace('[', '(')}[/dim]")
        elif self._shown is not None:
            self._show(f"{self._current} … {text}")
        else:
            detail(f"  {text}")

    def line(self, text: str) -> None:
        """Print a line of what the phase has to tell, where one node has the screen for itself."""
        if self._status is not None:
            self._status.console.print(harmless(text), markup=False, highlight=False)
        elif self._shown is not None:
            self.progress(text.strip())
        else:
            say(text)

    def done(self, name: str, note: str | None) -> None:
        """Show that a phase has passed; one without a note (None) is nothing to speak of."""
        self._current = ""
        if note is not None:
            self._add(f"{name} {click.style('✓', fg='green')}{' ' + note if note else ''}")

    def _add(self, word: str) -> None:
        self.words.append(word)
        if self._status is None and self._shown is None:
            say(word)

    def _show(self, last: str) -> None:
        line = SEPARATOR.join([*map(click.unstyle, self.words), last])
        if self._status is not None:
            self._status.update(line)
        elif self._shown is not None:
            self._shown(line)


class Quiet(Tokens):
    """Phases of which nothing is printed: one line tells of all of them, or what a script reads."""

    def __enter__(self) -> "Quiet":
        return self

    def begin(self, name: str) -> None:
        """Print nothing."""

    def progress(self, text: str) -> None:
        """Print nothing."""

    def line(self, text: str) -> None:
        """Print nothing."""

    def done(self, name: str, note: str | None) -> None:
        """Print nothing."""
