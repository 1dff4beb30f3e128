"""Existing Debian servers, adopted by their address: what they must have, and the host key that they are known by."""

import base64
import hashlib
from dataclasses import replace

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, check_name, pin_host_keys, remove_node, save_node
from kraftwerk.transport import Connection

PREFERRED = ("ssh-ed25519", "ecdsa-sha2", "ssh-rsa")  # the kinds of keys, the one to be asked about first
FACTS = """. /etc/os-release 2>/dev/null || true
echo "uid=$(id -u)"
echo "system=${ID:-unknown}"
echo "release=${VERSION_CODENAME:-}"
command -v python3 >/dev/null && echo python3=yes || true
"""


def scan(host: str, port: int = 22) -> dict[str, str]:
    """Return the host keys that an address shows, by their fingerprint, the one to be asked about first.

    Raises:
        KraftwerkError: nothing answers there, or no sshd.
    """
    command = argv.ssh_keyscan(host, port, argv.CONNECT_TIMEOUT)
    answer = process.run(command, check=False, timeout=5 * argv.CONNECT_TIMEOUT)
    keys = [line.split(" ", 1)[1] for line in answer.stdout.decode().splitlines() if not line.startswith("#")]
    if not keys:
        raise KraftwerkError(f"no sshd answers at {host} port {port}", next_command=f"ping {host}")
    keys.sort(key=lambda key: [not key.startswith(kind) for kind in PREFERRED])
    return {fingerprint(key): key for key in keys}


def fingerprint(key: str) -> str:
    """Return a public key's fingerprint as ssh prints it: SHA256:…"""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def check_free(node: Node) -> None:
    """Make sure that no other node has the name or the address; the same server may be adopted again by its name.

    Raises:
        KraftwerkError: another has it (code 2).
    """
    check_name(node.name)
    nodes = all_nodes()
    other = nodes.get(node.name)
    for each in nodes.values():
        if each.name != node.name and (each.host, each.port) == (node.host, node.port):
            raise KraftwerkError(f"{node.host} is the node {each.name} already", code=2)
    if other and (other.provider, other.host, other.port) != (node.provider, node.host, node.port):
        raise KraftwerkError(
            f"a node called {node.name} exists already, at {other.host}",
            next_command=f"kraftwerk destroy-node {node.name}",
            code=2,
        )


def adopt(node: Node, key: str) -> Node:
    """Take a server into the roster, known by a host key that somebody accepted.

    Args:
        node: its name, address, port and user.
        key: the public host key.

    Returns:
        The node with its Debian release.

    Raises:
        KraftwerkError: the login fails, or it isn't Debian, or lacks python3; then it is forgotten, unless it was
            known before.
    """
    known_before = node.name in all_nodes()
    save_node(replace(node, status="creating"))
    pin_host_keys(node, [key])
    try:
        ready = replace(node, release=_check(node))
    except BaseException:
        if not known_before:
            remove_node(node.name)
        raise
    save_node(ready)
    return ready


def _check(node: Node) -> str:
    """Return the Debian release of a server that has all that kraftwerk needs."""
    printed = Connection(node).script(FACTS, timeout=30).stdout.decode()
    facts = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    if facts.get("uid") != "0":
        raise KraftwerkError(f"{node.user} at {node.host} is not root", next_command="--user root")
    if facts.get("system") != "debian":
        raise KraftwerkError(f"{node.host} runs {facts.get('system')}; kraftwerk's states are for Debian")
    if "python3" not in facts:
        raise KraftwerkError(
            f"{node.host} has no python3, which Salt needs there",
            next_command=f"ssh {node.user}@{node.host} apt-get install --yes python3",
        )
    return facts.get("release", "")
