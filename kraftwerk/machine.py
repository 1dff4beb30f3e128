"""A local node as it is kept on disk: machine.json in a folder of its own, beside its files."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node
from kraftwerk.paths import state_home, write_atomic


@dataclass(frozen=True)
class Machine:
    """A local node as it is kept on disk.

    Attributes:
        lowers: the folders below its own files, the topmost first.
        ready: whether its creation came to its end.
    """

    name: str
    release: str
    address: str
    lowers: tuple[str, ...]
    ready: bool = False

    @property
    def folder(self) -> Path:
        """Return the folder with everything of it."""
        return folder_of(self.name)

    @property
    def node(self) -> Node:
        """Return its entry in the roster."""
        status = "ready" if self.ready else "creating"
        return Node(name=self.name, host=self.address, provider="local", release=self.release, status=status)

    def save(self) -> None:
        """Write it to disk."""
        write_atomic(self.folder / "machine.json", json.dumps(asdict(self)))


def folder_of(name: str) -> Path:
    """Return the folder of a local node."""
    return state_home() / "local" / name


def load(name: str) -> Machine | None:
    """Return a local node of this home, or None; one whose creation was interrupted early has no address."""
    path = folder_of(name) / "machine.json"
    if not path.exists():
        return Machine(name, "", "", ()) if folder_of(name).is_dir() else None
    plain = json.loads(path.read_text())
    return Machine(**{**plain, "lowers": tuple(plain["lowers"])})


def existing(name: str) -> Machine:
    """Return a local node of this home whose creation came to its end.

    Raises:
        KraftwerkError: there is none (code 2), or its creation was interrupted.
    """
    machine = load(name)
    if machine is None:
        raise KraftwerkError(f"no local node is called {name}", next_command=f"kraftwerk create-node {name}", code=2)
    if not machine.ready:
        raise KraftwerkError(f"the creation of {name} was interrupted", next_command=f"kraftwerk create-node {name}")
    return machine


def host_key(name: str) -> str:
    """Return the public host key of a local node."""
    return (folder_of(name) / "host_key.pub").read_text()
