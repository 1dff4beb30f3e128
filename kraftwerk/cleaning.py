"""What kraftwerk and Salt keep on a node to be quick there, and its removal; sites and data are none of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from kraftwerk import converged, highstate, lock
from kraftwerk.node import Node
from kraftwerk.remote import program
from kraftwerk.screen import size
from kraftwerk.transport import Connection, engine


@dataclass(frozen=True)
class Kept:
    """What a node has.

    Attributes:
        paths: files and folders, each with its size in bytes.
        processes: numbers of what runs from them: the engine, and runs whose caller was killed.
    """

    node: str
    paths: Mapping[str, int]
    processes: tuple[int, ...]

    def text(self) -> str:
        """Return it in one line; empty when there is nothing."""
        parts = [f"{path} ({size(each)})" for path, each in self.paths.items()]
        if count := len(self.processes):
            parts.append(f"{count} process{'es' * (count > 1)} of it")
        return ", ".join(parts)


def look(node: Node) -> Kept:
    """Return what a node has of it.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    return _ask(node, remove=False)


def remove(node: Node) -> Kept:
    """Stop the engine, remove everything, and return what that was; what runs under the node's lock ends before.

    Raises:
        KraftwerkError: the node can't be reached, or another one works on it for too long.
    """
    with lock.held(Connection(node), highstate.LOCK, wait=highstate.WAIT):
        return _ask(node, remove=True)


def _ask(node: Node, *, remove: bool) -> Kept:
    paths = [str(engine.folder(node)), node.salt_folder, converged.MARK]
    asked = json.dumps({"paths": paths, "remove": remove}).encode()
    answer = json.loads(Connection(node).run(["python3", "-ISc", program("cleannode")], input=asked).stdout)
    return Kept(node.name, answer["paths"], tuple(answer["processes"]))
