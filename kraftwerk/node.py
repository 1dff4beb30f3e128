"""Nodes: the admin's roster (in Salt's own format) and their pinned host keys."""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import config_home, private, write_atomic

HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
SALT_FOLDER = "/var/lib/kraftwerk/salt"  # Salt's engine on a node, where only root can make a folder
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a tenth of the time, where PyYAML has libyaml
HERE = "here"  # the provider of the node that is this very computer


@dataclass(frozen=True)
class Node:
    """A server in the roster.

    Attributes:
        name: its hostname, by which it is called everywhere.
        host: the address that ssh connects to.
        provider: who runs it: local, ssh (adopted), here (this computer itself), or a cloud's name.
        status: creating, ready or stopped; a node that is still `creating` was interrupted.
        salt_folder: where Salt's engine goes on the node.
        machine_id: which computer `here` was said on; the roster may be shared with others.
    """

    name: str
    host: str
    provider: str
    user: str = "root"
    port: int = 22
    release: str = ""
    status: str = "ready"
    salt_folder: str = SALT_FOLDER
    machine_id: str = ""

    @property
    def is_here(self) -> bool:
        """Tell whether it is this very computer: commands run on it directly, without ssh."""
        return self.provider == HERE

    def as_roster(self) -> dict[str, Any]:
        """Return the node's entry in the roster, as Salt reads it."""
        entry: dict[str, Any] = {"host": self.host, "user": self.user, "port": self.port, "provider": self.provider}
        entry |= {"thin_dir": self.salt_folder}
        entry |= {"release": self.release} if self.release else {}
        entry |= {"machine_id": self.machine_id} if self.machine_id else {}
        return entry | ({"status": self.status} if self.status != "ready" else {})

    @classmethod
    def from_roster(cls, name: str, entry: Mapping[str, Any]) -> "Node":
        """Return the node of a roster's entry; a roster written by hand needs no more than `host`."""
        return cls(
            name=name,
            host=str(entry["host"]),
            provider=str(entry.get("provider", "ssh")),
            user=str(entry.get("user", "root")),
            port=int(entry.get("port", 22)),
            release=str(entry.get("release", "")),
            status=str(entry.get("status", "ready")),
            salt_folder=str(entry.get("thin_dir", SALT_FOLDER)),
            machine_id=str(entry.get("machine_id", "")),
        )


def machine_id() -> str:
    """Return what tells this computer from all others, which systemd made when it was installed; empty without one."""
    file = Path("/etc/machine-id")
    return file.read_text().strip() if file.exists() else ""


def check_name(name: str) -> str:
    """Return the name of a node if it is a hostname.

    Raises:
        KraftwerkError: it isn't (code 2).
    """
    if len(name) > 253 or not HOSTNAME.fullmatch(name) or name == "localhost":
        raise KraftwerkError(
            f"{name!r} is no hostname: lower-case letters, digits, dashes and dots, such as blue or web1.example.com",
            code=2,
        )
    return name


def roster_file() -> Path:
    """Return the roster's path."""
    return config_home() / "nodes"


def known_hosts_file() -> Path:
    """Return the path of kraftwerk's own known_hosts."""
    return config_home() / "known_hosts"


def private_key_file() -> Path:
    """Return the path of the key that kraftwerk logs in with; the public one stands beside it as .pub."""
    return config_home() / "keys" / "id_ed25519"


def all_nodes() -> dict[str, Node]:
    """Return every node of the roster by name.

    Raises:
        KraftwerkError: the roster isn't YAML of the right shape (code 2).
    """
    return {str(name): _node(str(name), entry) for name, entry in _entries().items()}


def _node(name: str, entry: Any) -> Node:
    try:
        return Node.from_roster(name, entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KraftwerkError(f"{roster_file()}: {name}: needs a host, and a port that is a number", code=2) from error


def _entries() -> dict[str, Any]:
    try:
        entries = yaml.load(roster_file().read_text(), Loader=FAST_LOADER) or {}  # noqa: S506 - a safe one
    except FileNotFoundError:
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{roster_file()}:{mark.line + 1}" if mark else f"{roster_file()}"
        told = str(getattr(error, "problem", None) or error).replace("\n", " ")
        raise KraftwerkError(f"{where}: not valid YAML: {told}", code=2) from error
    if not isinstance(entries, dict):
        raise KraftwerkError(f"{roster_file()}: must name nodes, such as `blue: {{host: 192.0.2.7}}`", code=2)
    return entries


def get_node(name: str) -> Node:
    """Return a node by its name.

    Raises:
        KraftwerkError: there is none (code 2), with the nodes that there are.
    """
    nodes = all_nodes()
    if name not in nodes:
        known = f"nodes: {', '.join(sorted(nodes))}" if nodes else "there are none yet"
        next_command = f"kraftwerk create-node {name}"
        raise KraftwerkError(f"no node is called {name} ({known})", next_command=next_command, code=2)
    return nodes[name]


def save_node(node: Node) -> None:
    """Add a node to the roster, or change it; what else a hand wrote into its entry stays."""
    with _roster() as entries:
        kept = {key: value for key, value in entries.get(node.name, {}).items() if key != "status"}
        entries[node.name] = kept | node.as_roster()


def remove_node(name: str) -> None:
    """Remove a node and its pinned host keys; it is no error if there is none."""
    with _roster() as entries:
        entries.pop(name, None)
        _rewrite_known_hosts(name, [])


def pin_host_keys(node: Node, keys: list[str]) -> None:
    """Trust these host keys for a node, and no others.

    Args:
        keys: public keys as in a `.pub` file: `ssh-ed25519 AAAA… [comment]`.
    """
    names = ",".join(dict.fromkeys(_known_as(name, node.port) for name in (node.name, node.host)))
    lines = [" ".join([names, *key.split()[:2]]) for key in keys]
    with _roster():
        _rewrite_known_hosts(node.name, lines, also=node.host, port=node.port)


def pinned_host_keys(node: Node) -> list[str]:
    """Return the public host keys that are pinned for a node."""
    path, name = known_hosts_file(), _known_as(node.name, node.port)
    lines = [line.partition(" ") for line in (path.read_text().splitlines() if path.exists() else [])]
    return [key for names, _, key in lines if name in names.split(",")]


def _known_as(host: str, port: int) -> str:
    return host if port == 22 else f"[{host}]:{port}"


def _rewrite_known_hosts(name: str, lines: list[str], also: str = "", port: int = 22) -> None:
    path = known_hosts_file()
    old = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in old if not _is_of(line, name, _known_as(also, port))]
    write_atomic(path, "".join(f"{line}\n" for line in [*kept, *lines]))


def _is_of(line: str, name: str, address: str) -> bool:
    """Say whether a line of known_hosts is of a node's name, at whatever port, or of an address at its port."""
    names = line.split(" ")[0].split(",")
    return address in names or any(each == name or each.startswith(f"[{name}]:") for each in names)


@contextmanager
def _roster() -> Iterator[dict[str, Any]]:
    """Hold the roster's lock, yield its entries, and write what they became."""
    private(config_home())
    descriptor = os.open(config_home() / ".nodes.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        entries = _entries()
        before = dict(entries)
        yield entries
        if entries != before or not roster_file().exists():
            write_atomic(roster_file(), yaml.safe_dump(entries, sort_keys=True))
    finally:
        os.close(descriptor)
