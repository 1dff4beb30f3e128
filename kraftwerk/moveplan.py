"""What a move of an instance to another node would do, looked up before anything is touched."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kraftwerk import hold, neighbours, newplace, registry, replacement, screen
from kraftwerk import release as releases
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, instance_name
from kraftwerk.node import get_node
from kraftwerk.project import Project
from kraftwerk.release import History, Release
from kraftwerk.replacement import Holding
from kraftwerk.target import Target
from kraftwerk.transport import Connection

FILES = "files"
COPY_RATE = 10_000_000  # bytes of a database that are dumped and loaded in a second, at least
SPARE = 200_000_000  # bytes for the release, its virtualenv and what the node itself needs


@dataclass(frozen=True)
class Plan:
    """A move that has not begun.

    Attributes:
        source, into: the instance as it is on its node, and as it shall be on the other one while it is on its way.
        release: what is live, and moves; history: of the old node.
        coming: the data that moves; outside: services whose data stays where it is, with the place.
        text: what kraftwerk.yaml will say.
        free: bytes on the new node.
        begun: the old node has been left already, so that only the rest is to be done.
    """

    project: Project
    source: Target
    into: Target
    release: Release
    history: History
    coming: tuple[Holding, ...]
    outside: Mapping[str, str]
    text: str
    free: int
    begun: bool = False

    @property
    def size(self) -> int:
        """Return how many bytes the data has."""
        return sum(one.size for one in self.coming)

    @property
    def room(self) -> int:
        """Return how many bytes the new node needs: databases lie there twice for a moment."""
        return SPARE + sum(one.size * (1 if one.service == FILES else 2) for one in self.coming)

    @property
    def freeze(self) -> float:
        """Return for how many seconds requests will wait, about."""
        databases = [one for one in self.coming if one.service != FILES]
        return 3 + 2 * len(databases) + sum(one.size for one in databases) / COPY_RATE

    def lines(self) -> list[str]:
        """Return the plan as it is printed."""
        here, there, old = self.source.node.name, self.into.node.name, self.source.instance
        if self.begun:
            return [f"{old.name} has left {here}, which passes requests on to {there}; what is left to do is done now"]
        data = [(one.service, str(one)) for one in self.coming]
        stays = [(name, f"stays where it is: {place}") for name, place in self.outside.items()]
        rows = [
            ("release", f"{self.release.number} {self.release.version} as it is live on {here}".replace(" - ", " ")),
            *data,
            *stays,
            ("room", f"about {screen.size(self.room)} of {screen.size(self.free)} free on {there}"),
            ("downtime", f"none but a freeze of about {self.freeze:.0f} s{waiting(self.freeze)}"),
            (here, f"keeps its data untouched, runs nothing, and passes requests on to {there}"),
        ]
        width = max(len(name) for name, _ in rows)
        title = f"{old.name} moves from {here} to {there} ({old.environment})"
        told = [title, *(f"  {name.ljust(width)}  {text}" for name, text in rows)]
        if changed := newplace.diff(self.project, self.text):
            told += ["  kraftwerk.yaml:", *(f"    {line}" for line in changed)]
        return told

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON types."""
        return {
            "instance": self.source.instance.name,
            "from": self.source.node.name,
            "to": self.into.node.name,
            "release": self.release.number,
            "services": {one.service: {"size": one.size, "counts": dict(one.counts)} for one in self.coming},
            "outside": dict(self.outside),
            "room": self.room,
            "free": self.free,
            "freeze": round(self.freeze, 1),
            "kraftwerk.yaml": newplace.diff(self.project, self.text),
        }


def waiting(seconds: float) -> str:
    """Return what visitors notice of a freeze of that length, as the end of a sentence on it."""
    if seconds <= hold.WAIT:
        return ", in which requests wait"
    return f"; requests wait for {hold.WAIT} s, then visitors see a page that asks them to come back"


def make(project: Project, environment: str, source: str, into: str) -> Plan:
    """Look up what a move would do, and that nothing is in its way; nothing is touched.

    Args:
        source, into: names of nodes.

    Raises:
        KraftwerkError: it isn't deployed on the one, or something is in its way on the other.
    """
    here, there = Connection(get_node(source)), Connection(get_node(into))
    if source == into:
        raise KraftwerkError(f"{project.name} is on {source} already", next_command="another node for --to", code=2)
    project.nodes(environment)  # there is such an environment
    old = _old(instance_name(project.name, environment), environment, here, there)
    new = replace(old, domains=newplace.domains(old, source, into), arriving=source, present=True, remove=(), moved="")
    if old.balancer:
        cause = f"{old.name} has a balancer, {old.balancer['node']}: its nodes come and go one by one"
        how = f"name {into} below nodes in kraftwerk.yaml, then kraftwerk deploy, and kraftwerk destroy {source}"
        raise KraftwerkError(cause, next_command=how, code=2)
    hosted = registry.sync(there)
    _check_free(new, hosted, source, into, begun=bool(old.moved))
    history = releases.read(here, old)
    if history.live is None:
        raise KraftwerkError(
            f"no release of {old.name} is live on {source}", next_command=f"kraftwerk deploy {into}", code=2
        )
    outside = {name: place for name in old.services if (place := _outside(old, name, into))}
    names = [name for name in old.services if name not in outside]
    plan = Plan(
        project=project,
        source=Target(here.node, old, here),
        into=Target(there.node, new, there),
        release=history.releases[history.live],
        history=history,
        coming=() if old.moved else replacement.of_instance(here, replace(old, services=tuple(names)))[1],
        outside=outside,
        text=newplace.rewritten(project, environment, source, into, new.domains),
        free=releases.read(there, new).room.free * 1024,
        begun=bool(old.moved),
    )
    if plan.free < plan.room and not plan.begun:
        needed, free = screen.size(plan.room), screen.size(plan.free)
        raise KraftwerkError(f"no room on {into}: about {needed} are needed, {free} are free")
    return plan


def _old(name: str, environment: str, here: Connection, there: Connection) -> Instance:
    """Return the instance that moves; one that has moved is taken up again only where it went."""
    found = registry.sync(here).get(name)
    source = here.node.name
    if found is None or not (found.present or found.moved):
        raise KraftwerkError(f"{name} is not deployed on {source}", next_command="kraftwerk status", code=2)
    if found.moved and found.moved != there.node.host:
        raise KraftwerkError(f"{name} has moved from {source} to {found.moved} already", code=2)
    if found.arriving:
        raise KraftwerkError(
            f"{name} is on its way from {found.arriving} to {source}",
            next_command=f"kraftwerk migrate --from {found.arriving} --to {source} finishes that",
            code=2,
        )
    if found.environment != environment:
        raise KraftwerkError(f"{name} on {source} is of {found.environment}", code=2)
    return found


def _check_free(new: Instance, hosted: Mapping[str, Instance], source: str, into: str, *, begun: bool) -> None:
    """See that nobody on the new node has what the instance needs, itself included."""
    neighbours.check(new, hosted, into)
    known = hosted.get(new.name)
    if known is not None and known.present and known.arriving != source and not begun:
        raise KraftwerkError(
            f"{new.name} is on {into} already, with data of its own",
            next_command=f"kraftwerk copy brings data there; kraftwerk destroy {into} makes room for a move",
            code=2,
        )


def _outside(instance: Instance, service: str, into: str) -> str:
    """Return where a service's data is when it isn't on the instance's node; empty when it is."""
    options = instance.options.get(service, {})
    if options.get("node") == into:
        raise KraftwerkError(
            f"{service} of {instance.name} lives on {into} already: a move would have to join the two",
            next_command=f"kraftwerk dump, take `node:` out of services.{service}, deploy {into}, kraftwerk load",
        )
    return str(options.get("node") or ("an outside server" if "url" in options else ""))
