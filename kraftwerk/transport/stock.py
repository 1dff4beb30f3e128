"""Salt's calls by its stock program: salt-ssh as Salt ships it, on the configuration that kraftwerk generates.

It uses nothing of Salt that isn't public, so it works with any release, and is what the engine is compared with. It is
slower, and silent until it is done; secrets are treated the same, as far as it lets us (docs/transport.md).
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kraftwerk import argv, lock, process, saltcall, saltconf, screen
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection, sent

LOCK = "salt-ssh"  # two of it on one node at a time take each other's archive away
WAIT = 600  # seconds
SOON = 3  # seconds of waiting that nobody needs to be told of


def execute(
    node: Node,
    function: str,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    exact: bool,
) -> tuple[Any, int]:
    """Call an execution function of Salt on a node, and return its value and Salt's exit code.

    Args:
        node, function, arguments, keywords, options, exact: as `saltssh.execute` takes them.

    Raises:
        KraftwerkError: the node can't be reached; or there is no value, since the function is unknown or raised.
    """
    connection = Connection(node)
    connection.check()  # the program itself would ask for a password, and put its reasons less well
    words = saltcall.spoken(function, arguments, keywords, exact=exact)
    with lock.held(connection, LOCK, wait=WAIT, on_progress=_waiting(node)), sent.folder() as folder:
        shared = {"ssh_options": connection.options}
        master = {**yaml.safe_load(saltconf.write().read_text()), **shared, **options}
        Path(folder, "master").write_text(yaml.safe_dump(master, sort_keys=False))
        try:
            done = process.run(argv.salt_ssh(folder, node, words), env={"TMPDIR": str(folder)}, check=False)
        finally:
            forget(connection)
    return _value(node, function, done), done.returncode


def forget(connection: Connection) -> None:
    """Remove what a state run of salt-ssh leaves on the node, also one that was killed: the whole pillar."""
    connection.script(script("saltleft"), connection.node.salt_folder, check=False)


def _waiting(node: Node) -> OnProgress:
    """Return what tells who is waited for: once, and not at once."""
    begun, told = time.monotonic(), False

    def tell(what: str) -> None:
        nonlocal told
        if not told and time.monotonic() - begun > SOON:
            told = True
            screen.warn(f"{node.name}: {what}; stock salt-ssh runs once at a time, and this gives up after {WAIT} s")

    return tell


def _value(node: Node, function: str, done: process.Completed) -> Any:
    """Return the value of the function from what the program printed."""
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    try:
        value = json.loads(output[output.index("{") :])[node.name]
    except (KeyError, TypeError, ValueError) as error:
        reason = saltcall.reason({"stderr": errors, "stdout": output})
        raise KraftwerkError(f"{node.name}: {function} failed: {reason}") from error
    if isinstance(value, dict) and "_error" in value:
        raise KraftwerkError(f"{node.name}: {function} failed: {saltcall.reason(value)}")
    return value
