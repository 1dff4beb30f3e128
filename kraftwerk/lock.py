"""Locks on a node, held by an open ssh channel: when their holder ends in any way, so do they."""

import getpass
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import script
from kraftwerk.transport import Connection

# A connection whose other end is silent is ended by the node itself, so that the lock doesn't outlive a cut network.
# What a hold stopped whose caller was killed is being started again (hold.py): that is waited for.
# The kernel's lock goes with the last process that holds file 9, and `cat` ends when our end of its stdin closes.
SCRIPT = """\
umask 077; mkdir -p /run/kraftwerk-lock; cd /run/kraftwerk-lock
exec 9>>"$1"
if ! flock -n 9; then cat "$1.owner"; exit 75; fi
[ ! -e "$1.hold" ] || flock -s -w 60 "$1.hold" true
printf '%s\\n' "$2" >"$1.owner"
sh -c "$4" kraftwerk-silence "$5" </dev/null >/dev/null 2>&1 9>&- &
echo held; cat >/dev/null
kill $! 2>/dev/null || true
sh -c "$3" kraftwerk-unlock "$1"
"""
TAKEN = 75
SILENCE = 30  # seconds; the other end has given up after 15
_held: set[tuple[str, str]] = set()


@contextmanager
def held(connection: Connection, name: str, *, wait: float = 0, last: str = "") -> Iterator[None]:
    """Hold a lock on a node: an instance's name, or `node` for what concerns all of it.

    Who holds it already in this process just goes on.

    Args:
        wait: seconds to wait for another holder.
        last: a shell script that the node runs when the lock ends, in whatever way, just before others get it; $1 is
            the lock's name.

    Raises:
        KraftwerkError: somebody else holds it, with who, where, what and since when.
    """
    key = (connection.node.name, name)
    if key in _held:
        yield
        return
    holder = _take(connection, name, time.monotonic() + wait, last)
    _held.add(key)
    try:
        yield
    finally:
        _held.discard(key)
        _release(holder)


def _take(connection: Connection, name: str, until: float, last: str) -> process.Popen:
    while True:
        words = ["sh", "-c", SCRIPT, "kraftwerk-lock", name, owner(), last, script("silence"), str(SILENCE)]
        holder = connection.popen(words, stdin=process.PIPE, stdout=process.PIPE, stderr=process.PIPE)
        assert holder.stdout is not None and holder.stderr is not None  # noqa: S101 - pipes were asked for
        line = holder.stdout.readline().decode(errors="replace").strip()
        if line == "held":
            return holder
        said = holder.stderr.read().decode(errors="replace").strip()
        _release(holder)
        if holder.returncode != TAKEN:
            connection.check()
            reason = (line or said or "no answer").splitlines()[-1]
            raise KraftwerkError(f"{connection.node.name}: the lock {name} could not be taken: {reason}")
        if time.monotonic() >= until:
            raise KraftwerkError(
                f"{name} on {connection.node.name} is locked by {line}", next_command="try again later"
            )
        time.sleep(0.5)


def _release(holder: process.Popen) -> None:
    for stream in (holder.stdin, holder.stdout, holder.stderr):
        if stream is not None:
            stream.close()
    holder.wait()


def owner() -> str:
    """Return who we are, for those who find the lock taken."""
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    return f"{getpass.getuser()}@{socket.gethostname()} ({command}) since {time.strftime('%H:%M:%S')}"
