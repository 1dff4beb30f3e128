"""Who runs a node: this machine or a cloud, through salt-cloud's drivers; or somebody whose server was adopted."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from kraftwerk import account, census, cloud, hosts, local, localboot, minion, registry, schema
from kraftwerk.account import Account
from kraftwerk.census import Census
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import HERE, Node, all_nodes, get_node, remove_node, roster_file
from kraftwerk.transport import Connection

PROVIDERS = ("local", "ssh", HERE)


def get_account(name: str) -> Account:
    """Return the account with a cloud that a provider's name means.

    Raises:
        KraftwerkError: there is none (code 2), with all the names that there are.
    """
    accounts = account.all_accounts()
    if name in accounts and not accounts[name].libcloud:
        cause = f"{name} is run by Salt's driver {accounts[name].driver}, which kraftwerk doesn't know"
        raise KraftwerkError(cause, next_command="salt-cloud -p PROFILE NAME", code=2)
    if name in accounts:
        return accounts[name]
    known = [*PROVIDERS, *accounts]
    raise KraftwerkError(
        f"no provider is called {name}{schema.suggestion(name, known)} ({', '.join(known)})",
        next_command=f"kraftwerk providers add {name}, if it is a cloud",
        code=2,
    )


def create_local(name: str, release: str) -> Node:
    """Create a local node through salt-cloud, as `salt-cloud -p local-small NAME` does.

    Raises:
        KraftwerkError: as `local.create`.
    """
    cloud.create(name, "local", "local-small", image=release)
    return get_node(name)


def create_rented(name: str, provider: str, profile: str, overrides: Mapping[str, str]) -> Node:
    """Create a node in a cloud through salt-cloud, as `salt-cloud -p ec2-small NAME` does.

    Raises:
        KraftwerkError: as `rented.create`.
    """
    cloud.create(name, provider, profile, **overrides)
    return get_node(name)


def destroy(node: Node) -> None:
    """Remove a local node, or a cloud's with its machine; forget another. What its creation left goes as well.

    Raises:
        KraftwerkError: as `local.destroy` or `rented.destroy`; or its provider isn't known here (code 2).
    """
    if node.provider in ("ssh", HERE):
        Connection(node).close()
        hosts.remove(node.host)
        remove_node(node.name)
    elif node.provider != "local":
        check_known(node)
        cloud.destroy(node.name, node.provider)
    elif local.status(node.name) in ("running", "stopped"):
        cloud.destroy(node.name, "local")
    else:  # one that salt-cloud doesn't know: its creation was interrupted
        local.destroy(node.name)
    registry.forget_node(node.name)
    minion.forget(node.name)


def destroy_orphan(name: str, provider: str) -> None:
    """Destroy a machine that is in no roster, and what is known of it here.

    Raises:
        KraftwerkError: as `rented.destroy`.
    """
    cloud.destroy(name, provider)
    registry.forget_node(name)
    minion.forget(name)


def is_powered(node: Node) -> bool:
    """Tell whether a node is powered off and on from here; servers that were adopted are not."""
    return node.provider not in ("ssh", HERE)


def stop(node: Node) -> None:
    """Power a node off.

    Raises:
        KraftwerkError: it was adopted (code 2), or as `power.stop`.
    """
    _check_powered(node, "poweroff")
    if node.provider == "local":
        local.stop(node.name)
    else:
        from kraftwerk import power  # with libcloud, which only those wait for who have a cloud

        power.stop(node)


def start(node: Node) -> None:
    """Start a node and wait until it answers.

    Raises:
        KraftwerkError: it was adopted (code 2), or as `power.start`.
    """
    _check_powered(node, "reboot")
    if node.provider == "local":
        local.start(node.name)
    else:
        from kraftwerk import power

        power.start(node)


def statuses() -> tuple[list[tuple[Node, str]], Mapping[str, KraftwerkError]]:
    """Return every node with its status, and why clouds could not be asked, by their alias.

    The status is running, stopped, creating (interrupted), unreachable, gone (its cloud has it no more), or what
    else its cloud says.
    """
    nodes = list(all_nodes().values())
    seen = census.take(node.provider for node in nodes)
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(zip(nodes, pool.map(lambda node: _status(node, seen), nodes), strict=True)), seen.errors


def _status(node: Node, seen: Census) -> str:
    if node.provider == "local":
        return local.status(node.name)
    if node.is_here:
        return "running"
    if node.status == "creating":
        return node.status
    if node.provider in seen.machines:
        machine = seen.machine_of(node)
        if machine is None or machine.state != "running":
            return str(machine.state) if machine else "gone"
    return "running" if localboot.greets(node.host, node.port, timeout=2) else "unreachable"


def check_known(node: Node) -> None:
    """Make sure that there are credentials for a node's cloud.

    Raises:
        KraftwerkError: there are none here (code 2).
    """
    if node.provider not in account.all_accounts():
        raise KraftwerkError(
            f"{node.name} is a machine of {node.provider}, whose credentials aren't here",
            next_command=f"kraftwerk providers add CLOUD --as {node.provider}; "
            f"or take {node.name} out of {roster_file()}",
            code=2,
        )


def _check_powered(node: Node, instead: str) -> None:
    if node.is_here:
        raise KraftwerkError(f"{node.name} is this very computer", next_command=f"systemctl {instead}", code=2)
    if node.provider == "ssh":
        raise KraftwerkError(
            f"{node.name} is a server that was adopted: it is not started and stopped from here",
            next_command=f"ssh {node.user}@{node.host} {instead}",
            code=2,
        )
    if node.provider != "local":
        check_known(node)
