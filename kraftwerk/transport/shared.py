"""The one connection to a node that all commands share: opened once however many want it, and renewed when it is dead.

ssh's own keepalive ends what is under way on a connection that broke. This here is for what has not begun yet: it
asks first, in a millisecond, and so never begins anything on a connection that a reboot or a cut network left behind.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from kraftwerk import argv, flock, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.transport import mux
from kraftwerk.transport.mux import Answer
from kraftwerk.transport.unreachable import unreachable

FRESH = 5.0  # seconds that an answer counts
PATIENCE = 3.0  # seconds until a node that doesn't answer over an open connection is asked over a new one
LOGIN = 30.0  # seconds that a login may take, of a node that lets us connect
_answered: dict[Path, float] = {}


def ready(node: Node, options: Sequence[str], *, fresh: float = FRESH) -> None:
    """Make sure that the node answers over the shared connection, which is opened, or opened anew, if need be.

    Args:
        options: from `ssh_options`.
        fresh: seconds that an earlier answer counts.

    Raises:
        KraftwerkError: the node can't be reached, with the reason.
    """
    if node.is_here:
        return
    path = argv.control_path(options)
    if time.monotonic() - _answered.get(path, -fresh) < fresh:
        return
    _answered.pop(path, None)
    asked = time.time()
    if mux.ask(path, PATIENCE) is not Answer.ALIVE:
        busy = f"another kraftwerk is still connecting to {node.name}"
        lock = path.with_suffix(".lock")
        with flock.held(lock, busy=busy, timeout=2 * LOGIN):
            if lock.stat().st_mtime > asked and (words := lock.read_text()):  # who held it before us tried in vain
                raise unreachable(node, words)
            _renew(node, options, path, lock)
    answered(options)


def answered(options: Sequence[str]) -> None:
    """Note that the node answered just now."""
    _answered[argv.control_path(options)] = time.monotonic()


def is_open(node: Node, options: Sequence[str]) -> bool:
    """Tell whether the node answers over a connection that is open already; this computer always does."""
    return node.is_here or mux.ask(argv.control_path(options), PATIENCE) is Answer.ALIVE


def close(node: Node, options: Sequence[str]) -> None:
    """End the connection, if there is one."""
    _answered.pop(argv.control_path(options), None)
    _control(node, options, "exit")


def _renew(node: Node, options: Sequence[str], path: Path, lock: Path) -> None:
    """Open the connection, unless somebody did while we waited for the lock; a silent one keeps what is under way.

    Why it couldn't be opened is left in the lock, for those who wait for it: else each would try as long again.
    """
    before = mux.ask(path, PATIENCE / 3)
    if before is Answer.ALIVE:
        return
    if before is Answer.SILENT and not _control(node, options, "stop"):
        path.unlink(missing_ok=True)
    try:
        opened = process.run(argv.ssh_open(node, options), check=False, timeout=LOGIN)
    except KraftwerkError as error:
        raise KraftwerkError(f"{node.name}: {error.cause}", next_command=error.next_command) from error
    if opened.returncode:
        words = opened.stderr.decode(errors="replace")
        lock.write_text(words)
        raise unreachable(node, words)


def _control(node: Node, options: Sequence[str], verb: str) -> bool:
    """Tell the process that holds the connection what to do; tell whether it did."""
    try:
        return not process.run(argv.ssh_control(node, options, verb), check=False, timeout=PATIENCE).returncode
    except KraftwerkError:
        return False
