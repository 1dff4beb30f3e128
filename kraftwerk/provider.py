"""Who runs a node: this machine through salt-cloud's driver, or somebody else, whose server was adopted."""

from concurrent.futures import ThreadPoolExecutor

from kraftwerk import cloud, hosts, local, localboot, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, get_node, remove_node
from kraftwerk.transport import Connection

PROVIDERS = ("local", "ssh")


def create_local(name: str, release: str) -> Node:
    """Create a local node through salt-cloud, as `salt-cloud -p local-small NAME` does.

    Raises:
        KraftwerkError: as `local.create`.
    """
    cloud.create(name, "local-small", image=release)
    return get_node(name)


def destroy(node: Node) -> None:
    """Remove a local node, through salt-cloud; forget another. What its creation left goes as well.

    Raises:
        KraftwerkError: as `local.destroy`.
    """
    if node.provider != "local":
        Connection(node).close()
        hosts.remove(node.host)
        remove_node(node.name)
    elif local.status(node.name) in ("running", "stopped"):
        cloud.destroy(node.name, "local")
    else:  # one that salt-cloud doesn't know: its creation was interrupted
        local.destroy(node.name)
    registry.forget_node(node.name)


def stop(node: Node) -> None:
    """Power a local node off.

    Raises:
        KraftwerkError: it isn't local (code 2).
    """
    _only_local(node, "poweroff")
    local.stop(node.name)


def start(node: Node) -> None:
    """Start a local node and wait until it answers.

    Raises:
        KraftwerkError: it isn't local (code 2), or doesn't come up.
    """
    _only_local(node, "reboot")
    local.start(node.name)


def statuses() -> list[tuple[Node, str]]:
    """Return every node with its status: running, stopped, creating (interrupted), or unreachable."""
    nodes = list(all_nodes().values())
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(zip(nodes, pool.map(status, nodes), strict=True))


def status(node: Node) -> str:
    """Return a node's status."""
    if node.provider == "local":
        return local.status(node.name)
    if node.status == "creating":
        return node.status
    return "running" if localboot.greets(node.host, node.port, timeout=2) else "unreachable"


def _only_local(node: Node, instead: str) -> None:
    if node.provider != "local":
        raise KraftwerkError(
            f"{node.name} is not a local node: only local nodes are started and stopped from here",
            next_command=f"ssh {node.user}@{node.host} {instead}",
            code=2,
        )
