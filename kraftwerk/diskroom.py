"""Room on a node's disk: how much a release must find there, and what fills it where that is lacking."""

from dataclasses import dataclass

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection

SHARE = 10  # percent of a disk that stay free, for logs and databases
ENOUGH = 10 << 20  # kilobytes, of a large disk
TIMES = 2  # a release: it is written, and its virtualenv and static files are made of it
SPARE = 50 << 10  # kilobytes


@dataclass(frozen=True)
class Room:
    """What the disk of /web has.

    Attributes:
        free, size: kilobytes that are left, and all of them.
        files: how many more files it can hold; 0 where the file system doesn't say.
    """

    free: int = 0
    size: int = 0
    files: int = 0


def parse(printed: str) -> Room:
    """Return what `df` printed: kilobytes that are left, all of them, and the inodes that are left."""
    free, size, files = (int(word) if word.isdecimal() else 0 for word in (*printed.split(), "", "", "")[:3])
    return Room(free, size, files)


def lacking(room: Room, needed: int, count: int) -> str:
    """Return what is lacking for a release, or nothing.

    Args:
        needed: kilobytes of the release; count: of its files.
    """
    free, least = room.free, min(room.size * SHARE // 100, ENOUGH)
    wanted = TIMES * needed + SPARE
    if free < wanted:
        return f"{free // 1024} MB are free below /web, and the release needs {wanted // 1024 + 1} MB"
    if free < least:
        return f"{100 * free // room.size}% is free below /web ({free // 1024} MB), and {least // 1024} MB must stay"
    if room.files and room.files < TIMES * count:
        return f"there is room for {room.files} files below /web, and the release has {count}"
    return ""


def refused(connection: Connection, instance: Instance, lack: str) -> KraftwerkError:
    """Return the error for a disk that is too full, with what fills it."""
    filling = connection.script(script("filling"), instance.name, check=False).stdout.decode(errors="replace")
    lines = (f"  {line}" for line in filling.splitlines())
    node = connection.node.name
    cause = "\n".join([f"the disk of {node} is too full: {lack}; most of it is taken by", *lines])
    return KraftwerkError(cause, next_command=f"kraftwerk run --node {node} --as root -- du -xhd2 /web /var")
