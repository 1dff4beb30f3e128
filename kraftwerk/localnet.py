"""The network of local nodes: one bridge for this machine, and an address for each node of every user and home."""

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from kraftwerk import flock, localargv, privilege
from kraftwerk.errors import KraftwerkError

REGISTRY = Path("/var/lib/kraftwerk-local")  # a link for each address, to the node's folder; sticky, as /tmp is
NUMBERS = range(11, 255)
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def reserve(folder: Path, wanted: str = "") -> str:
    """Return an address that no other node of this machine has, kept for the node of a folder until `release`.

    Args:
        folder: the node's; it has one address at most.
        wanted: the only one that will do.

    Raises:
        KraftwerkError: all are taken, or the one that is wanted.
    """
    numbers = [number for number in NUMBERS if localargv.address_of(number) == wanted or not wanted]
    with _registry():
        taken = dict(_reservations())
        for number, owner in taken.items():
            if owner == folder:
                return localargv.address_of(number)
        for number in numbers:
            if number not in taken or _gone(taken[number]):
                _remove_link(number)
                (REGISTRY / str(number)).symlink_to(folder)
                return localargv.address_of(number)
    cause = f"{wanted} belongs to another node now" if wanted else "all addresses of local nodes are taken"
    raise KraftwerkError(cause, next_command="kraftwerk nodes")


def release(folder: Path) -> None:
    """Give back the address of a node's folder; with the last one, the bridge and its rules go."""
    if not REGISTRY.is_dir():
        return
    with _registry():
        for number, owner in _reservations():
            if owner == folder or _gone(owner):
                detach(localargv.address_of(number))
                _remove_link(number)
        if not any(True for _ in _reservations()):
            _network_down()
            privilege.run(["rmdir", "--ignore-fail-on-non-empty", str(REGISTRY)])


def folders() -> list[Path]:
    """Return the folders of all local nodes of this machine."""
    return [folder for _, folder in _reservations()] if REGISTRY.is_dir() else []


def attach(address: str) -> None:
    """Make a node's namespace with its link and address, and the bridge where there is none."""
    link = localargv.link_of(address)
    with _registry():
        detach(address)
        _network_up()
        _ip(localargv.attach_here(address))
        _ip(localargv.attach_there(address), namespace=link)


def detach(address: str) -> None:
    """Remove a node's link and namespace, if they are there."""
    link = localargv.link_of(address)
    if has_link(link):
        privilege.run(["ip", "link", "delete", link], check=False)
    if Path("/run/netns", link).exists():
        privilege.run(["ip", "netns", "delete", link], check=False)


def has_link(name: str) -> bool:
    """Say whether this machine has a network link; /sys may show another namespace's."""
    return name in [link for _, link in socket.if_nameindex()]


def _registry() -> AbstractContextManager[int]:
    return flock.held(REGISTRY, busy=f"another kraftwerk holds {REGISTRY}", remake=_make_registry)


def _make_registry() -> None:
    privilege.run(["install", "--directory", "--mode=1777", str(REGISTRY)])


def _reservations() -> Iterator[tuple[int, Path]]:
    for link in sorted(REGISTRY.iterdir()):
        if link.name.isdigit() and link.is_symlink():
            yield int(link.name), link.readlink()


def _gone(folder: Path) -> bool:
    """Say whether a node's folder is gone; one that we may not look at is not."""
    try:
        os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except PermissionError:
        return False
    return False


def _remove_link(number: int) -> None:
    link = REGISTRY / str(number)
    try:
        link.unlink(missing_ok=True)
    except PermissionError:  # another user's, whose node is gone
        privilege.run(["rm", "--force", str(link)])


def _network_up() -> None:
    if not has_link(localargv.BRIDGE):
        _check_network_is_free()
        _ip(localargv.bridge_up())
    privilege.run(["nft", "-f", "-"], input=localargv.masquerade().encode())
    if FORWARD.read_text().strip() != "1":
        privilege.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"])
    if privilege.which("iptables") and _drops_forwarded():
        for present, insert in zip(localargv.forward("-C"), localargv.forward("-I"), strict=True):
            if privilege.run(present, check=False).returncode:
                privilege.run(insert)


def _check_network_is_free() -> None:
    """Refuse to take the nodes' network away from somebody else here; it may be the one that this machine lives in."""
    routes = privilege.run(["ip", "route", "show", "root", localargv.NETWORK]).stdout.decode().splitlines()
    if routes:
        raise KraftwerkError(f"local nodes need the network {localargv.NETWORK}, which is in use: {routes[0].strip()}")


def _drops_forwarded() -> bool:
    """Say whether a firewall here, such as Docker's, drops what isn't named in its own rules."""
    listed = privilege.run(["iptables", "-w", "-S", "FORWARD"], check=False)
    return b"-P FORWARD DROP" in listed.stdout


def _network_down() -> None:
    """Remove the bridge, unless somebody else has put links on it, and the rules."""
    if has_link(localargv.BRIDGE):
        if privilege.run(["ip", "-oneline", "link", "show", "master", localargv.BRIDGE]).stdout:
            return
        privilege.run(["ip", "link", "delete", localargv.BRIDGE], check=False)
    privilege.run(["nft", "delete", "table", "ip", localargv.TABLE], check=False)
    if privilege.which("iptables"):
        for delete in localargv.forward("-D"):
            privilege.run(delete, check=False)


def _ip(lines: str, namespace: str = "") -> None:
    words = ["-n", namespace] if namespace else []
    privilege.run(["ip", *words, "-batch", "-"], input=lines.encode())
