"""What is printed: live on a terminal, plain lines in a pipe, JSON when asked."""

import json
import re
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from kraftwerk.errors import KraftwerkError


@dataclass
class Settings:
    """How much is printed, set once by the CLI: verbosity -1 quiet, 0 normal, 1 and more verbose."""

    verbosity: int = 0
    debug: bool = False


settings = Settings()
YES, NO, ALL = "yes", "no", "all"  # answers to what `decide` asks
_spinning: list[Any] = []  # the console of the spinner that turns just now
OnProgress = Callable[[str], None]
CONTROL = re.compile(r"\x1b(?!\[[\d;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")  # but colours, and ends of lines


def harmless(text: str) -> str:
    """Return a text whose control characters are words: names in archives and on nodes could give a terminal orders."""
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def say(text: str = "") -> None:
    """Print a line, unless quiet; above the spinner, where one turns."""
    if settings.verbosity < 0:
        return
    if _spinning:
        _spinning[-1].out(harmless(text), highlight=False)
    else:
        click.echo(harmless(text))


def detail(text: str) -> None:
    """Print a line only with -v, on stderr."""
    if settings.verbosity > 0:
        click.secho(harmless(text), dim=True, err=True)


def warn(text: str) -> None:
    """Print a warning on stderr, also when quiet."""
    click.secho(f"Warning: {harmless(text)}", fg="yellow", err=True)


def hint(text: str, command: str) -> None:
    """Print a line that ends with the next command, set apart as in `ready.     next: cd mysite`."""
    say(f"{text.ljust(51)}  next: {command}")


class Step:
    """What `step` yields: `note` is printed after the tick, `progress` shows what is being done right now."""

    def __init__(self, label: str, status: Any) -> None:
        self.label = label
        self.note = ""
        self._status = status

    def progress(self, text: str) -> None:
        """Show text beside the spinner; in a pipe only with -v, as a line."""
        if self._status is not None:
            self._status.update(f"{self.label} … [dim]{harmless(text)[:100].replace('[', '(')}[/dim]")
        else:
            detail(f"  {text}")


OnStep = Callable[[str], AbstractContextManager[Step]]  # what shows a step of some work by its name, as `step` does


@contextmanager
def step(label: str) -> Iterator[Step]:
    """Print `label … ok 1.2s` around a piece of work, with a spinner on a terminal while it runs."""
    start = time.monotonic()
    with _spinner(label) as status:
        this = Step(label, status)
        yield this
    seconds = time.monotonic() - start
    say(f"{label} … {click.style('ok', fg='green')} {seconds:.1f}s{'     ' + this.note if this.note else ''}")


@contextmanager
def working(label: str) -> Iterator[Step]:
    """Show a spinner on a terminal while a piece of work runs, and print nothing of it after."""
    with _spinner(label) as status:
        yield Step(label, status)


@contextmanager
def _spinner(label: str) -> Iterator[Any]:
    if not sys.stdout.isatty() or settings.verbosity < 0:
        yield None
        return
    from rich.console import Console

    with Console().status(f"{label} …") as status:
        _spinning.append(status.console)
        try:
            yield status
        finally:
            _spinning.pop()


def confirm(question: str, *, yes: bool = False, default: bool = False, alone: bool | None = None) -> bool:
    """Ask a yes-or-no question; `yes` answers it, and without a terminal or an answer it is the default.

    Args:
        alone: the answer where nobody is there to ask, if that isn't the default: "Again?" would be asked for ever.
    """
    if yes:
        return True
    try:
        return click.confirm(harmless(question), default=default)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        say()
        return default if alone is None else alone


def decide(question: str, more: Callable[[], Iterable[str]], *, others: bool = False) -> str:
    """Ask whether something shall be done and show more of it on demand; return YES or NO, NO where nobody is there.

    Args:
        more: returns the lines that tell more.
        others: the same is asked of others, too, and may be answered for all that are left, with ALL.
    """
    words = {"y": YES, "n": NO, "m": "more", **({"a": ALL} if others else {})}
    asked = f"{question} [y/N/more{'/all' if others else ''}]"
    while True:
        try:
            typed = click.prompt(harmless(asked), default=NO, show_default=False).strip().lower()
        except click.Abort:
            if sys.stdin.isatty():
                raise
            say()
            return NO
        answer = words.get(typed[:1], "more")
        if answer != "more":
            return answer
        for line in more():
            say(f"  {line}")


def confirm_name(consequence: str, name: str, *, yes: bool = False) -> None:
    """Say what will be destroyed and have its name typed.

    Raises:
        KraftwerkError: something else was typed.
    """
    say(consequence)
    if yes:
        return
    try:
        typed = click.prompt(f"Type {name} to go on", default="", show_default=False)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        say()
        typed = ""
    if typed != name:
        raise KraftwerkError(f"not confirmed: {name} is left as it was", next_command="--yes answers for scripts")


def ask_hidden(label: str) -> str:
    """Return a secret: typed twice without being shown, or without a terminal all of stdin but its last line break.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    if sys.stdin.isatty():
        return str(click.prompt(label, hide_input=True, confirmation_prompt=True))
    found = sys.stdin.read().removesuffix("\n")
    if not found:
        raise KraftwerkError(f"no value for {label} on standard input", code=2)
    return found


def is_read() -> bool:
    """Tell whether anybody reads what is printed: `head` and `grep -m 1` close their end of a pipe."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def size(count: float) -> str:
    """Return a number of bytes for people: 999 B, 212 kB, 1.5 GB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 999.5 and units[1:]:
        count, units = count / 1000, units[1:]
    return f"{count:.{int(count < 9.95 and units[0] != 'B')}f} {units[0]}"


def duration(seconds: float) -> str:
    """Return a number of seconds for people: 0.4 s, 40 s, 5 min, 3 h, 2 d."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * length if unit == "d" else length):
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.{int(seconds < 9.95 and seconds != int(seconds))}f} s"


def emit_json(value: Any) -> None:
    """Print a value as JSON, for scripts."""
    click.echo(json.dumps(value, indent=2, sort_keys=True, default=str))


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings, in columns as wide as their longest cell."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    for row in [headings, *rows]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
