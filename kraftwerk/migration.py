"""Release commands: what runs once per deploy, in the new release, before it goes live. Migrations, most of all."""

import re
from collections.abc import Sequence
from itertools import groupby

from kraftwerk import argv, caching, cause, leash
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import program, script
from kraftwerk.transport import Connection

APPLIED = re.compile(r"^\s*Applying \S+\.\.\..*OK", re.MULTILINE)  # a line of Django's `migrate`
OUTPUT_LINES = 25
PLAIN = re.compile(r"python manage\.py( [\w.,:=/@+-]+)+")  # nothing in it is the shell's
MARK = "kraftwerk: the next command"
NOTED = 'echo "$1 migrate" >"$0"; shift; exec "$@"'  # for who goes on with a deploy that was killed (history.sh)


def run(connection: Connection, instance: Instance, number: int) -> int:
    """Run an instance's release commands in a release; return how many migrations they applied.

    They run as the instance's user: the database knows that one only, and may not write the code.

    Raises:
        KraftwerkError: one failed; its last lines are part of it, and the commands after it did not run.
    """
    applied = 0
    for commands in together(instance.release):
        words = [f"{instance.root}/exec", "-r", str(instance.release_folder(number)), *_words(commands)]
        note = ["sh", "-c", NOTED, f"{instance.root}/slots/phase", str(number)]
        done = leash.run(connection, [*note, *argv.as_user(instance.user, words)])
        output = done.stdout.decode(errors="replace")
        applied += count(output)
        if done.returncode:
            said = [text.split(f"{MARK}\n") for text in (output, done.stderr.decode(errors="replace"))]
            command = commands[max(len(said[0]) - 2, 0)]  # before the first mark stands nothing
            raise KraftwerkError(failure(command, done.returncode, f"{said[0][-1]}\n{said[1][-1]}", applied))
    return applied


def together(commands: Sequence[str]) -> list[list[str]]:
    """Return commands in their order, with those in one list that one Python runs: plain calls of manage.py."""
    return [
        each
        for plain, found in groupby(commands, lambda command: bool(PLAIN.fullmatch(command)))
        for each in ([list(found)] if plain else [[command] for command in found])
    ]


def _words(commands: Sequence[str]) -> list[str]:
    if len(commands) == 1:
        return ["sh", "-c", commands[0]]
    return ["python", "-c", program("manage"), MARK, *(command.removeprefix("python ") for command in commands)]


def seal(connection: Connection, instance: Instance, number: int) -> None:
    """Take static files from the user that collected them, and keep those with a hash for when another one is live."""
    if instance.static:
        kept = instance.caching.get("earlier") != caching.OFF
        earlier = str(instance.root / "earlier") if kept else ""
        connection.script(script("seal"), instance.name, str(number), instance.src, earlier, *instance.static_words)


def count(output: str) -> int:
    """Return how many migrations Django says it applied."""
    return len(APPLIED.findall(output))


def failure(command: str, code: int, output: str, applied: int = 0) -> str:
    """Return the error for a release command that failed: why, with the last lines it printed.

    Args:
        applied: how many migrations were applied before it failed.
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    first = f"`{command}` failed with exit code {code}: {cause.find(output).text}".rstrip()
    what = "1 migration was" if applied == 1 else f"{applied} migrations were"
    stay = f"{what} applied before that and stay{'s' if applied == 1 else ''} in the database"
    under_way = [line for line in lines[:-OUTPUT_LINES] if line.lstrip().startswith("Applying ")][-1:]
    told = [f"  {line}" for line in [*under_way, *lines[-OUTPUT_LINES:]]]
    return "\n".join([first, *told, *([stay] if applied else [])])
