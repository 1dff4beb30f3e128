"""Machines in clouds, powered off and on; the address that a cloud gives them afterwards may be another."""

from dataclasses import replace

from libcloud.compute.base import Node as Machine
from libcloud.compute.types import NodeState

from kraftwerk import census, cloud, hosts, localboot, rented
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, pin_host_keys, pinned_host_keys, save_node
from kraftwerk.progress import report
from kraftwerk.transport import Connection

PATIENCE = 300  # seconds until a machine must be off, or on and answering


def stop(node: Node) -> None:
    """Power a machine off and wait until its cloud says so.

    Raises:
        KraftwerkError: the cloud refused, or it isn't off in time.
    """
    Connection(node).close()
    cloud.ask(node.provider, "stop", node.name, "action")
    for waited in rented.waiting(PATIENCE):
        if _machine(node).state in (NodeState.STOPPED, NodeState.SUSPENDED):
            return
        report(f"still on, {waited:.0f} s")
    raise KraftwerkError(f"{node.name} is still on after {PATIENCE} s", next_command="kraftwerk nodes")


def start(node: Node) -> Node:
    """Power a machine on, follow it to its address, and wait until its sshd answers.

    Raises:
        KraftwerkError: the cloud refused, or it doesn't answer in time.
    """
    if _machine(node).state != NodeState.RUNNING:
        cloud.ask(node.provider, "start", node.name, "action")
    for waited in rented.waiting(PATIENCE):
        machine = _machine(node)
        address = _address(node, machine)
        if machine.state == NodeState.RUNNING and address:
            node = _follow(node, address)
            if localboot.greets(node.host, node.port, timeout=3):
                return node
        report(f"{address or 'no address yet'}, {waited:.0f} s")
    raise KraftwerkError(f"{node.name} does not answer after {PATIENCE} s", next_command="kraftwerk nodes")


def _machine(node: Node) -> Machine:
    seen = census.take([node.provider])
    if error := seen.errors.get(node.provider):
        raise error
    machine = seen.machine_of(node)
    if machine is None:
        raise KraftwerkError(
            f"{node.provider} has no machine {node.name}", next_command=f"kraftwerk destroy-node {node.name} forgets it"
        )
    return machine


def _address(node: Node, machine: Machine) -> str:
    """Return where a machine is: at the node's address if it still has it, public or private, else at its new one."""
    if node.host in (*machine.public_ips, *machine.private_ips):
        return node.host
    return rented.address_of(machine) or rented.address_of(machine, "private_ips")


def _follow(node: Node, address: str) -> Node:
    """Know a node by another address; its host key stays the pinned one."""
    if address == node.host:
        return node
    moved = replace(node, host=address)
    names = hosts.entries().get(node.host, ())
    pin_host_keys(moved, pinned_host_keys(node))
    save_node(moved)
    if names:
        hosts.remove(node.host)
        hosts.add(address, names)
    return moved
