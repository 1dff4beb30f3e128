"""This very computer as a node: what is deployed with `here` needs no ssh, only root."""

import platform
import socket
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.node import HERE, Node, all_nodes, check_name, machine_id, save_node

SYSTEMD = Path("/run/systemd/system")  # there while systemd runs the computer
ANYWHERE = ("192.0.2.1", 9)  # nothing is sent there: it shows which of our addresses leads out


def find() -> Node | None:
    """Return the node that is this computer, if it is one already."""
    return next((node for node in all_nodes().values() if node.is_here and node.machine_id == machine_id()), None)


def name() -> str:
    """Return what this computer is called as a node: its hostname.

    Raises:
        KraftwerkError: that can't be a node's name (code 2).
    """
    found = socket.gethostname().lower()
    try:
        return check_name(found)
    except KraftwerkError as error:
        raise KraftwerkError(error.cause, next_command="hostnamectl hostname web1", code=2) from error


def register(wanted: str = "") -> Node:
    """Take this computer into the roster, unless it is there; nothing is changed on it.

    Args:
        wanted: what it shall be called; its hostname by default.

    Raises:
        KraftwerkError: it is no Debian server that systemd runs, or another node has its name (code 2).
    """
    called, known = check_name(wanted) if wanted else name(), find()
    if known is not None and (called == known.name or not wanted):
        return known
    _check()
    other = known or all_nodes().get(called)
    if other is not None:
        cause = (
            f"this computer is the node {other.name} already" if known else f"another node is called {called} already"
        )
        raise KraftwerkError(cause, next_command=f"kraftwerk destroy-node {other.name} forgets it", code=2)
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    node = Node(called, address(), HERE, release=release, machine_id=machine_id())
    save_node(node)
    return node


def _check() -> None:
    system = platform.freedesktop_os_release().get("ID") if Path("/etc/os-release").exists() else "no Linux"
    if system != "debian":
        raise KraftwerkError(f"this computer runs {system}; kraftwerk's states are for Debian")
    if not SYSTEMD.is_dir():
        raise KraftwerkError("systemd doesn't run this computer, so that nothing could keep a site running on it")


def address() -> str:
    """Return this computer's address, as the way out of it shows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANYWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
