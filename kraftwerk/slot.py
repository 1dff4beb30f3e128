"""The two slots of an instance: one serves, in the other the next release boots beside it."""

import re

from kraftwerk.instance import Instance
from kraftwerk.remote import program, script
from kraftwerk.transport import Connection

DRAIN = 30  # seconds that requests are given to finish
LOG_LINES = 20  # shown of a log
LOG_READ = 200
NUMBER = re.compile(r"\d+")
STAMP = re.compile(r"^\d{4}-\d\d-\d\d_[\d:.]+ ?", re.MULTILINE)  # svlogd's
# What gunicorn says of itself when no worker comes up: its own traceback would hide the application's.
HALTED = re.compile(
    r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+gunicorn\.errors\.HaltServer:.*\n?", re.MULTILINE
)


def boot(connection: Connection, instance: Instance, slot: str, number: int) -> int:
    """Start a release in the slot that isn't live, and return how large its log was before.

    Raises:
        KraftwerkError: runit on the node doesn't know the slot, or the slot is live.
    """
    return int(connection.script(script("boot"), instance.name, slot, str(number)).stdout)


def stand_by(connection: Connection, instance: Instance, slot: str, number: int) -> None:
    """Have the slot that isn't live load what applications are made of, so that the next boot of a release is quick.

    It ends by itself when nothing is booted in a quarter of an hour.
    """
    connection.script(script("standby"), instance.name, slot, str(number), program("standby"))


def switch(connection: Connection, instance: Instance, slot: str, number: int) -> None:
    """Make a booted slot the live one: nginx follows a symlink that is renamed, so no request fails."""
    connection.script(script("switch"), instance.name, slot, str(number))


def grow(connection: Connection, instance: Instance, slot: str, more: int) -> None:
    """Have gunicorn in a slot start more workers, without waiting for them; a start of the slot has none of these."""
    connection.script(script("grow"), instance.name, slot, str(more))


def restart_workers(connection: Connection, instance: Instance) -> None:
    """Have the instance's workers run the live release."""
    if instance.processes:
        connection.script(script("workers"), instance.name, *instance.processes)


def stop(connection: Connection, instance: Instance, slot: str, seconds: int = DRAIN) -> None:
    """Stop a slot that isn't live, as soon as its requests are finished, at the latest after that many seconds."""
    connection.script(script("stop"), instance.name, slot, str(seconds), timeout=seconds + 30)


def log(connection: Connection, instance: Instance, slot: str, since: int) -> str:
    """Return the last telling lines that a slot logged since its log had that size."""
    arguments = (instance.name, slot, str(since), str(LOG_READ))
    return telling(connection.script(script("log"), *arguments, check=False).stdout.decode(errors="replace"))


def telling(printed: str) -> str:
    """Return the last lines of a log without the stamps of svlogd and gunicorn's traceback of its own end.

    What the gate's repeated questions made it log again and again is shown once.
    """
    lines = [line for line in HALTED.sub("", STAMP.sub("", printed)).splitlines() if line.strip()]
    return "\n".join(once(lines)[-LOG_LINES:])


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
