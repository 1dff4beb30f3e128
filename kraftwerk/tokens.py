"""Phases as they pass, one word for each: on a terminal one growing line, in a pipe a line for each."""

import sys
from typing import Any

import click

from kraftwerk.screen import detail, say, settings

SEPARATOR = " · "


class Tokens:
    """Prints `lock ✓ · node ✓ 38s · …`; used as a context manager around the phases."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._status: Any = None
        self._current = ""

    def __enter__(self) -> "Tokens":
        if sys.stdout.isatty() and settings.verbosity >= 0:
            from rich.console import Console

            self._status = Console(highlight=False).status("")
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self._current:
            self._add(f"{self._current} {click.style('✗', fg='red')}")
        if self._status is not None:
            self._status.stop()
            say(SEPARATOR.join(self.words))

    def begin(self, name: str) -> None:
        """Show that a phase has begun."""
        self._current = name
        self._show(f"{name} …")

    def progress(self, text: str) -> None:
        """Show what the phase is doing right now; in a pipe only with -v."""
        if self._status is None:
            detail(f"  {text}")
        self._show(f"{self._current} … [dim]{text[:80].replace('[', '(')}[/dim]")

    def done(self, name: str, note: str | None) -> None:
        """Show that a phase has passed; one without a note (None) is nothing to speak of."""
        self._current = ""
        if note is not None:
            self._add(f"{name} {click.style('✓', fg='green')}{' ' + note if note else ''}")

    def _add(self, word: str) -> None:
        self.words.append(word)
        if self._status is None:
            say(word)

    def _show(self, last: str) -> None:
        if self._status is not None:
            self._status.update(SEPARATOR.join([*map(click.unstyle, self.words), last]))
