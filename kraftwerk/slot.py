"""The two slots of an instance: one serves, in the other the next release boots beside it."""

import re
import shlex

from kraftwerk.instance import Instance
from kraftwerk.remote import program, script
from kraftwerk.transport import Connection

LOG_LINES = 20  # shown of a log
LOG_READ = 200
NUMBER = re.compile(r"\d+")
STAMP = re.compile(r"^\d{4}-\d\d-\d\d_[\d:.]+ ?", re.MULTILINE)  # svlogd's
# What gunicorn says of itself when no worker comes up: its own traceback would hide the application's.
HALTED = re.compile(
    r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+gunicorn\.errors\.HaltServer:.*\n?", re.MULTILINE
)


def boot(connection: Connection, instance: Instance, slot: str, number: int, workers: int | None = None) -> int:
    """Start a release in the slot that isn't live, and return how large its log was before.

    Until it is switched to, it is what the node's kernel ends first when memory runs out.

    Args:
        workers: how many it starts with, where it isn't all of them: `resize` adds the others.

    Raises:
        KraftwerkError: runit on the node doesn't know the slot, or the slot is live.
    """
    few = () if workers is None else (str(workers),)
    return int(
        connection.script(script("boot"), instance.name, slot, str(number), *few, timeout=instance.drain + 60).stdout
    )


def stand_by(connection: Connection, instance: Instance, slot: str, number: int) -> None:
    """Have the slot that isn't live load what applications are made of, so that the next boot of a release is quick.

    It ends by itself when nothing is booted in a quarter of an hour.
    """
    connection.script(script("standby"), instance.name, slot, str(number), program("standby"))


def switch(connection: Connection, instance: Instance, slot: str, number: int, *, again: bool = False) -> None:
    """Make a booted slot the live one: nginx follows a symlink that is renamed, so no request fails.

    Args:
        again: it was live until just now, and still is due what its environment lacked.
    """
    connection.script(script("switch"), instance.name, slot, str(number), *(["again"] if again else []))


def resize(connection: Connection, instance: Instance, workers: int | None = None) -> None:
    """Have gunicorn in the live slot start or end workers, one by one, until there are as many as wanted.

    Args:
        workers: how many, if not as many as its next start has.
    """
    wanted = () if workers is None else (str(workers),)
    connection.script(script("resize"), instance.name, *wanted, timeout=300)


def stop(connection: Connection, instance: Instance, slot: str, seconds: int | None = None) -> None:
    """Stop a slot that isn't live, as soon as nothing of it is open any more, at the latest after that many seconds.

    Args:
        seconds: by default as long as the project says (`drain:`).
    """
    seconds = instance.drain if seconds is None else seconds
    connection.script(script("stop"), instance.name, slot, str(seconds), timeout=seconds + 30)


def idle() -> str:
    """Return the script for the end of a lock: it stops what a deploy left running that was killed; $1 is the instance.

    What was live before it has its time for what is open.
    """
    return f"stop={shlex.quote(script('stop'))}\n{script('idle')}"


def log(connection: Connection, instance: Instance, slot: str, since: int) -> str:
    """Return the telling lines that a slot logged since its log had that size."""
    arguments = (instance.name, slot, str(since), str(LOG_READ))
    return telling(connection.script(script("log"), *arguments, check=False).stdout.decode(errors="replace"))


def telling(printed: str) -> str:
    """Return a log without the stamps of svlogd and gunicorn's traceback of its own end.

    What the gate's repeated questions made it log again and again is told once.
    """
    return "\n".join(once([line for line in HALTED.sub("", STAMP.sub("", printed)).splitlines() if line.strip()]))


def last(log: str) -> list[str]:
    """Return the last lines of a log, as they are shown below an error."""
    return [f"  {line}" for line in log.splitlines()[-LOG_LINES:]]


def once(lines: list[str]) -> list[str]:
    """Return lines without the repetitions at their end; lines that differ in numbers only count as the same."""
    same = [NUMBER.sub("0", line) for line in lines]
    for size in range(1, len(lines) // 2 + 1):
        end = len(lines)
        while same[end - 2 * size : end - size] == same[len(lines) - size :] and end >= 2 * size:
            end -= size
        if end < len(lines):
            return once(lines[:end])
    return lines
