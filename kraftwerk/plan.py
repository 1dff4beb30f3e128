"""What a deploy would change, told before it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kraftwerk import highstate, pending, places, requirements, service, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome
from kraftwerk.instance import Instance
from kraftwerk.project import Project
from kraftwerk.release import History, Release
from kraftwerk.requirements import Changes, Requirements
from kraftwerk.service import URL
from kraftwerk.target import Target
from kraftwerk.wheels.cargo import Cargo

MIGRATIONS_NAMED = 3


@dataclass(frozen=True)
class Plan:
    """A deploy that has not begun.

    Attributes:
        instance, node, environment: what goes where.
        states: the IDs of states that would change the node.
        areas: what they model: nginx, postgres ….
        packages: what changes in the virtualenv; None when it can't be told from here, and then why.
        database: to be created, or empty.
        migrations: to be applied, by name; None when it can't be told before the release is on the node.
        release: the new one; first: nothing is live yet.
        others: what would change on other nodes that hold data of it.
        left: services that have another place from now on, and where their data stays.
        wheels: where packages come from, if not from an index.
    """

    instance: str
    node: str
    environment: str
    states: tuple[str, ...]
    areas: tuple[str, ...]
    packages: Changes | None
    packages_unknown: str
    named_packages: frozenset[str]
    database: str
    migrations: tuple[str, ...] | None
    release: Release
    first: bool
    others: tuple[Outcome, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    wheels: str = ""

    def lines(self) -> list[str]:
        """Return the plan as it is printed."""
        title = f"Plan for {self.instance} → {self.node} ({self.environment})"
        packages = [("packages", line) for line in self._packages()]
        others = [(each.node, _states(len(each.changed), areas(each))) for each in self.others]
        node = ("node", _states(len(self.states), self.areas))
        rows = [*others, node, *packages, ("wheels", self.wheels), ("database", self._database()), *self._left()]
        body = [f"  {name:<9} {text}" for name, text in rows if text]
        return [title, *body, f"  {'release':<9} {self._release().ljust(40)} downtime: none"]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON types."""
        return {
            "instance": self.instance,
            "node": self.node,
            "environment": self.environment,
            "states": list(self.states),
            "others": {each.node: [result.id for result in each.changed] for each in self.others},
            "packages": None if self.packages is None else asdict(self.packages),
            "wheels": self.wheels,
            "database": self.database,
            "left": dict(self.left),
            "migrations": None if self.migrations is None else list(self.migrations),
            "release": self.release.number,
            "commit": self.release.commit,
            "dirty": self.release.dirty,
            "downtime": 0,
        }

    def _packages(self) -> list[str]:
        if self.packages is None:
            return [self.packages_unknown]
        return self.packages.lines(first=self.named_packages) or ["nothing to change"]

    def _left(self) -> list[tuple[str, str]]:
        return [("data", f"of {line}") for line in staying(self.left)]

    def _database(self) -> str:
        return "; ".join(filter(None, [f"create {self.database}" if self.database else "", self._migrations()]))

    def _migrations(self) -> str:
        if self.migrations is None:
            return "migrations are told by the new release"
        count = len(self.migrations)
        if not count:
            return ""
        named = f": {', '.join(self.migrations)}" if count <= MIGRATIONS_NAMED else ""
        return f"{count} migration{'' if count == 1 else 's'}{named}"

    def _release(self) -> str:
        words = [str(self.release.number), "(first)" if self.first else "", self.release.commit[:8]]
        return " ".join(filter(None, [*words, "with changes that are not committed" if self.release.dirty else ""]))


def make(
    project: Project,
    target: Target,
    history: History,
    wanted: Requirements,
    release: Release,
    *,
    converged: bool = False,
    cargo: Cargo | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """Work out what a deploy would change; nothing is changed by it.

    Args:
        project, target, history, release: what shall be deployed where, and what is there.
        wanted: the project's requirements.
        converged: the node's states are known to have nothing to change, and needn't be tested.
        cargo: the wheels that are taken along, in place of an index.
        on_progress: is told which state is being tested.

    Raises:
        KraftwerkError: the node can't be reached, or its states don't render.
    """
    instance = target.instance
    settings = pending.settings_module(project.root, instance)
    history = replace(history, python=history.python or instance.python)  # one that will be there
    with ThreadPoolExecutor() as pool:
        packages = pool.submit(changes, history, wanted, release, cargo)
        here = pool.submit(pending.here, project.root, instance, settings) if settings else None
        live = pool.submit(pending.live, target.connection, instance, settings) if settings and history.live else None
        others = places.test(target, project.root, on_progress)
        outcome = Outcome(target.node.name, (), 0.0, test=True)
        if not converged:
            outcome = highstate.converge(
                target.node, instance, test=True, project_root=project.root, on_progress=on_progress
            )
        known = here.result() if here else set()
        applied = live.result() if live else set()
        found, unknown = packages.result()
    return Plan(
        instance=instance.name,
        node=target.node.name,
        environment=instance.environment,
        states=tuple(result.id for result in outcome.changed),
        areas=areas(outcome),
        packages=found,
        packages_unknown=unknown,
        named_packages=wanted.names,
        database=instance.name if history.live is None and _is_ours(instance, "postgres") else "",
        migrations=None if known is None or applied is None else tuple(sorted(known - applied)),
        release=release,
        first=history.live is None,
        others=tuple(others),
        left=left(history, instance, target.node.name),
        wheels=cargo.words if cargo else "",
    )


def left(history: History, instance: Instance, node_name: str) -> dict[str, str]:
    """Return the services that leave their data behind, with where that is in words."""
    before = history.hosted.get(instance.name)
    if before is None or history.live is None:
        return {}
    return {name: service.where(before, name) or f"on {node_name}" for name in service.displaced(before, instance)}


def staying(left: Mapping[str, str]) -> list[str]:
    """Return what is to be known of data that stays behind: a line for each service."""
    how = "to take it along: kraftwerk dump before this, kraftwerk load after it"
    return [f"{name} stays where it is, {where}; {how}" for name, where in left.items()]


def changes(
    history: History, wanted: Requirements, release: Release, cargo: Cargo | None = None
) -> tuple[Changes | None, str]:
    """Return how the virtualenv changes, or None and why that can't be told from here."""
    if history.virtualenv == release.virtualenv:
        return requirements.diff({}, {}), ""
    if cargo is not None:
        return requirements.diff(history.packages, cargo.versions), ""
    try:
        versions = virtualenv.resolve(wanted, history.python)
    except KraftwerkError as error:
        return None, f"unknown from here: {error.cause.splitlines()[0]}"
    return requirements.diff(history.packages, versions), ""


def _states(count: int, areas: Sequence[str]) -> str:
    if not count:
        return "nothing to change"
    return f"{count} state{'' if count == 1 else 's'} to change ({', '.join(areas)})"


def _is_ours(instance: Instance, service: str) -> bool:
    """Tell whether an instance has a service whose data is on a node of ours, and not in a server elsewhere."""
    return service in instance.services and URL not in instance.options.get(service, {})


def areas(outcome: Outcome) -> tuple[str, ...]:
    """Return what the changing states model, in their order: `services.postgres` is postgres, `nginx.config` nginx."""
    names = [result.sls.removeprefix("services.").split(".")[0] for result in outcome.changed]
    return tuple(dict.fromkeys(name for name in names if name))
