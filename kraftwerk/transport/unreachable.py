"""What is said when ssh can't connect to a node: the cause, and what to do about it."""

from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, known_hosts_file, private_key_file

GUEST = "guest"  # the provider of a host that is no node: it is reached by the admin's own ssh configuration
UNREACHABLE = 255  # ssh's own exit code when the connection failed
BROKE = "the connection broke"  # ssh itself ends without a word then


def unreachable(node: Node, words: str) -> KraftwerkError:
    """Return the error for what ssh said when it could not connect."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if node.is_here:
        return KraftwerkError(f"{node.name}: {lines[-1] if lines else 'a program ended without a word'}")
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in words or "Host key verification failed" in words:
        return KraftwerkError(
            f"{node.name} shows another host key than the pinned one in {known_hosts_file()}: "
            "it was reinstalled, or somebody stands in between",
            next_command=_after_change(node),
        )
    if "Permission denied" in words and node.provider != GUEST:
        return _refused(node, private_key_file())
    reason = lines[-1] if lines else BROKE
    start = {"local": f"kraftwerk start-node {node.name}", "ssh": f"ping {node.host}"}
    start[GUEST] = f"ssh {node.user}@{node.host} must work without a password"
    next_command = start.get(node.provider, "kraftwerk nodes")
    if "kex_exchange_identification" in words and node.provider != "local":
        next_command = penalty(node.host)
    return KraftwerkError(f"{node.name} can't be reached: {reason}", next_command=next_command)


def penalty(host: str) -> str:
    """Return what may help where a host hangs up before anybody has said who they are."""
    return f"wait a minute: an sshd shuts out for a while who failed to log in; if that isn't it, ping {host}"


def _after_change(node: Node) -> str:
    if node.provider == GUEST:
        return f"ssh-keygen -R {node.host}, if it really is a new machine"
    if node.provider in ("local", "ssh"):
        return f"kraftwerk destroy-node {node.name}, if it really is a new machine"
    return f"look at it in the console of {node.provider}; kraftwerk destroy-node {node.name} ends the machine"


def _refused(node: Node, key: Path) -> KraftwerkError:
    if not key.exists():
        lost = f"{key}, the key that {node.name} lets in, is missing"
        return KraftwerkError(lost, next_command="put it back from a backup or another computer of yours")
    if key.stat().st_mode & 0o077:
        return KraftwerkError(f"{key} is open to others, so that ssh leaves it alone", next_command=f"chmod 600 {key}")
    return KraftwerkError(
        f"{node.name} does not accept {key} for {node.user}",
        next_command=f"ssh-copy-id -i {key}.pub {node.user}@{node.host}",
    )
