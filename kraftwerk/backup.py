"""Backup points of a project: made on its node, kept in a store, found again even where the node is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from kraftwerk import __version__, admin, backupconfig, lockowner, nodeprogram, store, storekeys, target
from kraftwerk.counts import headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.project import Project
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target
from kraftwerk.transport import Connection

LATEST = "latest"


@dataclass(frozen=True)
class Point:
    """A backup point, as its index in the store tells it.

    Attributes:
        name: when it was made, in UTC, as 20261120T030000.
        size, stored: bytes of the archive, and of what was made of it; parts: in how many objects.
        services: what it holds: service, version, counts, size.
        verified: what is known of the last rehearsal of a restore of it; None where there was none.
        index: all of it.
    """

    name: str
    node: str
    created: datetime
    size: int
    stored: int
    parts: int
    encrypted: bool
    services: tuple[Mapping[str, Any], ...]
    verified: Mapping[str, Any] | None
    index: Mapping[str, Any] = field(repr=False)

    @property
    def told(self) -> str:
        """Return what it holds, in a few words."""
        return " · ".join(headline(each["service"], each["counts"]) for each in self.services) or "no services"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        told = asdict(replace(self, index={}))
        return {key: value for key, value in told.items() if key != "index"} | {"created": self.created.isoformat()}


@dataclass(frozen=True)
class Backups:
    """Where the points of a project's environment are.

    Attributes:
        instance: as the project's files describe it.
        backup: the keys below `backup:`, with the defaults.
        nodes: where it is deployed, as far as is known here.
    """

    project: Project
    environment: str
    instance: Instance
    backup: Mapping[str, Any]
    nodes: tuple[str, ...]

    @property
    def local(self) -> bool:
        """Tell whether points stay on the nodes themselves, and can be had through them only."""
        return backupconfig.is_kept_there(self.backup["store"])

    def store(self) -> dict[str, Any]:
        """Return the store as `kw_store` takes it.

        Raises:
            KraftwerkError: its credentials aren't encrypted for this admin.
        """
        return storekeys.opened(self.backup, admin.load().stores)

    def connection(self, node: str) -> Connection:
        """Return the way to a node that keeps points itself."""
        return target.deployed(self.project, self.environment, node).connection

    def node_of(self, point: Point) -> str | None:
        """Return the node to try a point out on, if it need not be told: the one that made it, or the only one."""
        return point.node if point.node in self.nodes else None

    def points(self, node: str | None = None) -> list[Point]:
        """Return all points, oldest first.

        Args:
            node: only those of this node.

        Raises:
            KraftwerkError: the store, or the node that keeps them, can't be reached.
        """
        name = self.instance.name
        if not self.local:
            found = store.call("kw_point.found", self.store(), name)
        else:
            nodes = [node] if node else self.nodes
            found = [each for one in nodes for each in nodeprogram.call(self.connection(one), "kw_backup.found", name)]
        points = [_point(each) for each in found]
        return sorted((each for each in points if node in (None, each.node)), key=lambda each: (each.name, each.node))


def of(project: Project, environment: str) -> Backups:
    """Return the backups of a project's environment.

    Raises:
        KraftwerkError: no such environment (code 2).
    """
    nodes = tuple(target.names(project, environment))
    instance = project.instance(environment, nodes[0] if nodes else "NODE")
    backup = instance.backup or backupconfig.plain({}, project.root)
    return Backups(project, environment, instance, backup, nodes)


def _point(index: Mapping[str, Any]) -> Point:
    """Return the point of an index; somebody else may have written it.

    Raises:
        KraftwerkError: it makes no sense.
    """
    parts = index["parts"]
    try:
        return Point(
            name=index["point"],
            node=index["node"],
            created=datetime.fromisoformat(index["created"]),
            size=int(index["archive"]["size"]),
            stored=sum(each["size"] for each in parts) if isinstance(parts, list) else int(index["stored"]),
            parts=len(parts) if isinstance(parts, list) else int(parts),
            encrypted=bool(index["encryption"]),
            services=tuple(
                {key: each[key] for key in ("service", "version", "counts", "size")} for each in index["services"]
            ),
            verified=index["verified"],
            index=index,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KraftwerkError(f"the index of {index['point']} of {index['node']} makes no sense: {error!r}") from error


def pick(points: Sequence[Point], name: str) -> Point:
    """Return the point that is meant.

    Args:
        name: its name, or the beginning of it; NODE/NAME where several nodes have it; or `latest`.

    Raises:
        KraftwerkError: none or several (code 2).
    """
    node, _, wanted = name.rpartition("/")
    known = [each for each in points if node in ("", each.node)]
    if wanted == LATEST:
        found = known[-1:]
    else:
        found = [each for each in known if each.name == wanted] or [
            each for each in known if each.name.startswith(wanted)
        ]
    if len(found) == 1:
        return found[0]
    if not points:
        raise KraftwerkError("there is no backup point yet", next_command="kraftwerk backup create")
    named = ", ".join(f"{each.node}/{each.name}" for each in (found or known or points)[-3:])
    cause = f"{name} is several points: {named}" if found else f"there is no point {name}; the last ones: {named}"
    raise KraftwerkError(cause, next_command="kraftwerk backup list", code=2)


def create(there: Target, on_progress: OnProgress) -> dict[str, Any]:
    """Make a point on a node, and return what is known of it: point, size, stored, seconds, services, store.

    Raises:
        KraftwerkError: somebody works on the instance, or anything failed; nothing of the point can be seen then.
    """
    made: dict[str, Any] = nodeprogram.call(
        there.connection,
        "kw_backup.create",
        there.instance.name,
        on_progress=on_progress,
        wait=0,
        owner=f"kraftwerk backup for {lockowner.ours().who}",
        kraftwerk=__version__,
    )
    return made


def prune_plan(backups: Backups) -> list[dict[str, Any]]:
    """Return what pruning would do, a line for each point: node, point, action, why, size.

    Raises:
        KraftwerkError: as `Backups.points`.
    """
    name, keep = backups.instance.name, backups.backup["keep"]
    if not backups.local:
        plan: list[dict[str, Any]] = store.call("kw_prune.plan", backups.store(), name, keep)
        return plan
    calls = [nodeprogram.call(backups.connection(node), "kw_backup.prune", name, test=True) for node in backups.nodes]
    return [line for lines in calls for line in lines]


def prune(backups: Backups, plan: Sequence[Mapping[str, Any]]) -> None:
    """Delete what a plan says.

    Raises:
        KraftwerkError: as `Backups.points`.
    """
    if backups.local:
        for node in backups.nodes:
            nodeprogram.call(backups.connection(node), "kw_backup.prune", backups.instance.name)
    else:
        store.call("kw_prune.carry_out", backups.store(), plan)
