"""The locks of a node from outside: who holds which, taking one by hand, taking one away from its holder."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kraftwerk import lock, lockowner, project, target
from kraftwerk.deployment import LABEL
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import instance_name
from kraftwerk.lockowner import Owner
from kraftwerk.node import Node, get_node
from kraftwerk.remote import script
from kraftwerk.transport import Connection

LEFT = "none"  # the ticket of states whose caller is gone (lockshow.sh)


@dataclass(frozen=True)
class Held:
    """A lock that is held.

    Attributes:
        name: an instance's, or `node`.
        ticket: what its holder is known by; a command that has it in KRAFTWERK_LOCK works behind the lock, too.
    """

    node: str
    name: str
    ticket: str
    owner: Owner

    @property
    def words(self) -> str:
        """Return which one it is, and who holds it."""
        return f"{lock.title(self.node, self.name)} is locked by {self.owner.words}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"node": self.node, "name": self.name, "ticket": self.ticket, **self.owner.as_dict()}


def which(node_name: str | None, name: str | None, environment: str) -> tuple[Node, str]:
    """Return which lock is meant: its node, and its name.

    Args:
        node_name, name: as the user gave them; else those of the project that we are in, else the lock `node`.

    Raises:
        KraftwerkError: which node is meant can't be told, or that is no name of a lock (code 2).
    """
    here = project.find_or_none() if node_name is None or name is None else None
    if name is None:
        name = instance_name(here.name, environment) if here else lock.NODE
    if not re.fullmatch(LABEL, name):
        raise KraftwerkError(f"{name!r} is no name of a lock: an instance's, or {lock.NODE}", code=2)
    if node_name is None and here is None:
        raise KraftwerkError("which node? This is no project", next_command="kraftwerk lock NODE", code=2)
    by = "kraftwerk lock NODE"
    return get_node(node_name or (target.choose(here, environment, by) if here else "")), name


def read(connection: Connection) -> list[Held]:
    """Return the locks of a node that somebody holds.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    printed = connection.script(script("lockshow")).stdout.decode(errors="replace")
    lines = sorted(line.split("\t", 3) for line in printed.splitlines())
    return [Held(connection.node.name, name, ticket, Owner.from_json(owner)) for name, ticket, _, owner in lines]


def keep(connection: Connection, name: str, message: str, seconds: float = 0, wait: float = 0) -> Held:
    """Take a lock by hand: it stays until somebody takes it away, over reboots, too.

    Args:
        message: why, for those who find it taken.
        seconds: how long at most; 0 for no end.
        wait: seconds to wait for another holder.

    Raises:
        KraftwerkError: somebody else holds it.
    """
    owner, ticket = lockowner.ours(message, seconds), secrets.token_hex(8)
    until = int(time.time() + seconds) if seconds else 0
    with lock.held(connection, name, wait=wait):
        connection.script(script("lockkeep"), name, str(until), ticket, owner.as_json())
    return Held(connection.node.name, name, ticket, owner)


def take_away(connection: Connection, name: str, ask: Callable[[Held], bool]) -> list[Held]:
    """Take a lock away from its holder; what works behind it is ended first.

    Args:
        ask: tells for each holder, of which there may be one by hand and one at work, whether that shall be done.

    Returns:
        From whom it was taken.

    Raises:
        KraftwerkError: nobody holds it, or only states whose caller is gone.
    """
    holders = [each for each in read(connection) if each.name == name]
    if not holders:
        raise KraftwerkError(
            f"nobody holds {name} on {connection.node.name}", next_command=f"kraftwerk lock {connection.node.name}"
        )
    if all(each.ticket == LEFT for each in holders):
        cause = f"{holders[0].words}: these go on to their end, and who started them is gone"
        raise KraftwerkError(cause, next_command=f"kraftwerk highstate {connection.node.name}")
    us = lockowner.ours()
    who = f"{us.who} ({us.command})"
    named = (each for each in holders if each.ticket != LEFT)
    return [each for each in named if ask(each) and _is_taken(connection, each, who)]


def _is_taken(connection: Connection, holder: Held, who: str) -> bool:
    return bool(connection.script(script("lockbreak"), holder.name, holder.ticket, who, timeout=90).stdout)
