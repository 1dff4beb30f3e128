"""`kraftwerk destroy-node`."""

from pathlib import Path

import click

from kraftwerk import balancer, places, project, provider, registry, screen
from kraftwerk.node import Node, all_nodes
from kraftwerk.options import node_argument, yes_option


@click.command()
@node_argument
@yes_option
def command(node: str, yes: bool) -> None:
    """Remove a node with everything on it, also a cloud's machine; forget a server that was adopted.

    A web node behind a balancer gets no new visitors first, and time for what is open. Nodes with data of its projects
    let it in no more; the data stays there.

    A machine in a cloud ends, and what it costs with it; also one whose creation was interrupted, or that carries
    kraftwerk's mark and is in no list of nodes (`kraftwerk nodes --orphans`).
    """
    found = all_nodes().get(node)
    if found is None or found.provider not in provider.PROVIDERS:
        _end(node, found, yes)
        return
    if found.provider == "local":
        consequence = f"{node} ({found.host}) and everything on it will be removed."
    else:
        consequence = f"{node} ({found.host}) will be forgotten; nothing is changed on it.{_stays(node)}"
    screen.confirm_name(_whole(consequence, found), node, yes=yes)
    with screen.step(f"Removing {node}") as step:
        balancer.take_out(found, gone=True)
        if found.provider == "local":
            places.shut_out(node, project.find_root(Path.cwd()), step.progress)
        provider.destroy(found)


def _whole(consequence: str, node: Node | None) -> str:
    """Return what will happen, with what a node's visitors will notice of it."""
    led = balancer.consequence(registry.instances(node).values()) if node else ""
    return f"{consequence} {led}".rstrip()


def _stays(node: str) -> str:
    """Return who goes on letting in a server that runs on without us."""
    found = [f"{place.name} goes on letting it in to data of {known.name}." for place, known in places.letting_in(node)]
    return "".join(f" {each}" for each in found)


def _end(name: str, node: Node | None, yes: bool) -> None:
    """Destroy a cloud's machine, after saying what it is and costs."""
    from kraftwerk import rental  # with libcloud, which only those wait for who have a cloud

    if node:
        provider.check_known(node)
    with screen.working(f"Looking for {name}"):
        found = rental.find(name, node)
    screen.confirm_name(_whole(found.text(), node), name, yes=yes)
    with screen.step(f"Destroying {name} at {found.provider}") as step:
        if node:
            balancer.take_out(node, gone=True)
            places.shut_out(name, project.find_root(Path.cwd()), step.progress)
            provider.destroy(node)
        else:
            provider.destroy_orphan(name, found.provider)
