"""Other nodes that hold data of an instance: converged before it is deployed, told when it leaves."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kraftwerk import converged, highstate, neighbours, part, registry, route, screen, service
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome, PartChange
from kraftwerk.instance import Instance
from kraftwerk.node import Node, all_nodes
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target
from kraftwerk.transport import Connection

WAY = "services.<name>.host: the address by which it reaches that node"


@dataclass(frozen=True)
class Place:
    """Another node that holds data of an instance, of these services."""

    node: Node
    services: tuple[str, ...]


def of(instance: Instance) -> list[Place]:
    """Return the other nodes that hold data of an instance, as far as they are in the roster."""
    found: dict[str, list[str]] = {}
    for name, node in service.places(instance.options).items():
        found.setdefault(node, []).append(name)
    known = all_nodes()
    return [Place(known[name], tuple(services)) for name, services in found.items() if name in known]


def check(instance: Instance, project_root: Path) -> None:
    """See that every service on another node has a node, and what opens it.

    Raises:
        KraftwerkError: a password is missing, or there is no such node (code 2).
    """
    known = all_nodes()
    for name, node in service.places(instance.options).items():
        if node not in known:
            cause = f"services.{name}.node: no node is called {node}"
            raise KraftwerkError(cause, next_command=f"kraftwerk create-node {node}, or kraftwerk nodes", code=2)
        if "password" in service.takes(name, project_root) and "password" not in instance.options[name]:
            raise KraftwerkError(
                f"services.{name}: it lives on {node}, and has no password to be reached by",
                next_command=f"kraftwerk config set services.{name}.password --generate --env {instance.environment}",
                code=2,
            )


def test(target: Target, project_root: Path, on_progress: OnProgress | None = None) -> list[Outcome]:
    """Return what would change on the other nodes, for a plan.

    Raises:
        KraftwerkError: one of them can't be reached, or its states don't render.
    """
    found = []
    for node, change in _changes(target):
        if not _is_converged(node, change, project_root):
            outcome = highstate.converge(
                node, part=change, test=True, project_root=project_root, on_progress=on_progress
            )
            found.append(outcome)
    return found


def converge(target: Target, project_root: Path, on_progress: OnProgress | None = None) -> list[Outcome]:
    """Bring the data part of an instance to the other nodes; those that have it already are left alone.

    Raises:
        KraftwerkError: one of them can't be reached, or a state failed.
    """
    found = []
    for node, change in _changes(target):
        if not _is_converged(node, change, project_root):
            found.append(_applied(node, change, project_root, on_progress))
    return found


def leave(
    target: Target,
    instance: Instance,
    remove: tuple[str, ...],
    project_root: Path,
    on_progress: OnProgress | None = None,
) -> None:
    """Take an instance's data on other nodes away, as far as `remove` says; what other nodes use there stays.

    Args:
        instance: as the node had it that it leaves.

    Raises:
        KraftwerkError: one of them can't be reached, or a state failed.
    """

    def change(known: Instance | None) -> Instance:
        rest = part.confined(known, target.node.name) if known else part.of(instance, (), target.node.name, "", "")
        return rest if part.clients(rest) or not remove else part.leaving(rest, remove)

    for place in of(instance):
        _applied(place.node, PartChange(instance.name, change), project_root, on_progress)
        _forget(place.node, instance.name)


def leave_earlier(target: Target, project_root: Path, on_progress: OnProgress | None = None) -> None:
    """Shut an instance's node out where it had data earlier and has none by now; what is there stays there.

    Raises:
        KraftwerkError: one of them can't be reached, or a state failed.
    """
    name, client = target.instance.name, target.node.name
    places = service.places(target.instance.options)
    for node in all_nodes().values():
        known = registry.instances(node, registry.DATA).get(name)
        used = [each for each in places if places[each] == node.name]
        if known is not None and known.present and part.confined(known, client, used) != known:
            _applied(node, PartChange(name, _confining(known, client, used)), project_root, on_progress)


def letting_in(client: str) -> list[tuple[Node, Instance]]:
    """Return what other nodes hold for a node, with where it is, as far as is known here."""
    nodes = [node for node in all_nodes().values() if node.name != client]
    parts = [(node, known) for node in nodes for known in registry.instances(node, registry.DATA).values()]
    return [(node, known) for node, known in parts if client in part.clients(known)]


def shut_out(client: str, project_root: Path | None, on_progress: OnProgress | None = None) -> None:
    """Have no other node let a node in any more that goes for good; its data stays there. What fails is a warning."""
    for node, known in letting_in(client):
        try:
            _applied(node, PartChange(known.name, _confining(known, client, ())), project_root, on_progress)
        except KraftwerkError as error:
            screen.warn(f"{node.name} still lets {client} in to data of {known.name}: {error.cause}")


def _confining(seen: Instance, client: str, services: Collection[str]) -> Callable[[Instance | None], Instance]:
    return lambda known: part.confined(known or seen, client, services)


def remove(
    node: Node, left: Instance, what: tuple[str, ...], project_root: Path, on_progress: OnProgress | None = None
) -> None:
    """Take data away that no node uses any more, as far as `what` says.

    Raises:
        KraftwerkError: the node can't be reached, or a state failed.
    """

    def change(known: Instance | None) -> Instance:
        return left if known is None or part.clients(known) else part.leaving(known, what)

    _applied(node, PartChange(left.name, change), project_root, on_progress)
    _forget(node, left.name)


def _forget(node: Node, name: str) -> None:
    """Forget a part of which nothing is left."""
    left = registry.instances(node, registry.DATA).get(name)
    if left and not left.present and "owner" in left.remove:
        Connection(node).run(["rm", "-f", f"{registry.REMOTE}/{registry.DATA}/{name}.json"])
        registry.forget(node, name, registry.DATA)


def _changes(target: Target) -> Iterator[tuple[Node, PartChange]]:
    """Yield what each other node must have for an instance."""
    for place in of(target.instance):
        there = Connection(place.node)
        hosts = {target.instance.options[name].get("host", place.node.host) for name in place.services}
        address = route.address(target.connection, sorted(hosts)[0], WAY)
        listen = route.address(there, address, WAY)
        wanted = part.of(target.instance, place.services, target.node.name, address, listen)
        registry.sync(there)
        for kind in (registry.HOSTED, registry.DATA):
            neighbours.check_owner(target.instance, registry.instances(place.node, kind), place.node.name)
        change = partial(part.merged, wanted=wanted)
        yield place.node, PartChange(target.instance.name, change)


def _is_converged(node: Node, change: PartChange, project_root: Path) -> bool:
    """Tell whether a node has a part already, and was converged to all that it has a short while ago."""
    known = registry.instances(node, registry.DATA).get(change.name)
    if known is None or change.change(known).as_dict() != known.as_dict():
        return False
    return converged.holds(Connection(node)) == converged.digest(node, registry.instances(node), project_root)


def _applied(node: Node, change: PartChange, project_root: Path | None, on_progress: OnProgress | None) -> Outcome:
    def told(text: str) -> None:
        if on_progress is not None:
            on_progress(f"{node.name} {text}")

    outcome = highstate.converge(node, part=change, project_root=project_root, on_progress=told)
    if outcome.failed:
        failures = f"{node.name}: {highstate.failures(outcome)}"
        raise KraftwerkError(failures, next_command=f"kraftwerk highstate {node.name}")
    return outcome
