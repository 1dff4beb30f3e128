"""Code that a template runs, on this computer or on nodes: shown, and run when somebody said so."""

from collections.abc import Sequence

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.newproject.source import Source


def check(source: Source, code: Sequence[str], *, trust: bool, ask: bool, where: str = "this computer") -> bool:
    """Return whether a template may run code; where it has some and may not, nothing is made.

    Args:
        source: the template; the admin's own are trusted.
        code: what it would run, a line for each.
        trust: it was said on the command line.
        ask: somebody is there to be asked.
        where: the computer or computers that it would run on.

    Raises:
        KraftwerkError: it has code, and nobody said yes.
    """
    if trust or source.own or not code:
        return trust or source.own
    if not ask:
        cause = f"{source.label} runs code on {where}: {'; '.join(code)}"
        raise KraftwerkError(cause, next_command="read it, then add --trust", code=2)
    screen.say(f"{source.label} runs code on {where}, as you:")
    for line in code:
        screen.say(f"  {line}")
    if not screen.confirm("Run it?"):
        raise KraftwerkError(f"nothing was made: {source.label} is not trusted")
    return True
