"""Existing Debian servers, adopted by their address: what they must have, and the host key that they are known by."""

import base64
import hashlib
from dataclasses import replace

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, check_name, pin_host_keys, remove_node, save_node
from kraftwerk.transport import Connection, penalty

# Kinds of keys, those to be asked about first. All in one go would be three connections without a login, and the sshd
# of Debian 13 shuts who makes some fifteen of these out for a while (PerSourcePenalties).
KINDS = ("ed25519", "ecdsa", "rsa")
FACTS = """. /etc/os-release 2>/dev/null || true
echo "uid=$(id -u)"
echo "system=${ID:-unknown}"
echo "release=${VERSION_CODENAME:-}"
command -v python3 >/dev/null && echo python3=yes || true
"""


def scan(host: str, port: int = 22, wanted: str = "") -> dict[str, str]:
    """Return host keys that an address shows, by their fingerprint: of the best kind that it has.

    Args:
        wanted: a fingerprint: further kinds are asked for until it is found.

    Raises:
        KraftwerkError: nothing answers there, or no sshd, or it lets nobody in from here just now.
    """
    keys: dict[str, str] = {}
    for kind in KINDS:
        command = argv.ssh_keyscan(host, port, argv.CONNECT_TIMEOUT, kind)
        answer = process.run(command, check=False, timeout=5 * argv.CONNECT_TIMEOUT)
        lines = [line.split(" ", 1)[1] for line in answer.stdout.decode().splitlines() if not line.startswith("#")]
        keys |= {fingerprint(key): key for key in lines}
        said = answer.stderr.decode(errors="replace")
        if wanted in keys or (keys and not wanted) or not said.startswith("#"):  # with its version, as an sshd says
            break
    if keys:
        return keys
    if "by remote host" in said or "reset by peer" in said:
        raise KraftwerkError(f"what answers at {host} port {port} hangs up", next_command=penalty(host))
    raise KraftwerkError(f"no sshd answers at {host} port {port}", next_command=f"ping {host}")


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
