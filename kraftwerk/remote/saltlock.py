"""Runs of states are marked on their node for as long as they last: whoever wants the node's lock waits (lock.sh).

Who began a run holds that lock, and gives it back when killed; the run goes on to its end. A second one beside it would
meet half-done work, and apt's own lock at best.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Sequence
from typing import Any

FOLDER = "/run/kraftwerk-lock"


def mark(words: Sequence[str], folder: str = FOLDER) -> None:
    """Mark a run of states until this process ends; nothing else that Salt is asked, and no test, is marked.

    Args:
        words: the function and its arguments.
        folder: where the node's locks are.
    """
    if not words[0].startswith("state.") or "test=True" in words:
        return
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        file = os.open(os.path.join(folder, "node.run"), os.O_WRONLY | os.O_CREAT, 0o600)
    except PermissionError:
        return  # who isn't root changes no node: a test of the engine on a developer's own machine
    fcntl.flock(file, fcntl.LOCK_SH)  # those who look whether somebody runs have it for milliseconds
    os.ftruncate(file, 0)
    os.write(file, json.dumps(left(owner(os.path.join(folder, "node.owner")))).encode() + b"\n")


def owner(path: str) -> dict[str, Any]:
    """Return who holds the node's lock just now; ourselves, where nobody does (`kraftwerk salt`)."""
    try:
        with open(path) as lines:
            found = json.loads(lines.read().splitlines()[2])
            return {**found, "command": str(found["command"])}
    except (OSError, LookupError, TypeError, ValueError):
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return {"user": "root", "host": socket.gethostname(), "pid": os.getpid(), "command": "Salt", "since": since}


def left(begun: dict[str, Any]) -> dict[str, Any]:
    """Return who began a run as those read it who find it at work without them."""
    return {**begun, "command": f"states that {begun['command']} began"}
