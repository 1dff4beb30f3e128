"""What a deploy would change, told before it is asked for."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kraftwerk import capacity, cdn, highstate, pending, places, requirements, service, virtualenv
from kraftwerk.capacity import Choice, Room
from kraftwerk.errors import KraftwerkError
from kraftwerk.highstate import Outcome, StateResult
from kraftwerk.instance import Instance
from kraftwerk.planning import code, downtime, facts, processes, shown
from kraftwerk.planning.code import Code
from kraftwerk.planning.facts import Facts
from kraftwerk.planning.processes import Turnover
from kraftwerk.release import History, Release
from kraftwerk.requirements import Changes, Requirements
from kraftwerk.service import URL
from kraftwerk.target import Target
from kraftwerk.upload import Source
from kraftwerk.wheels.cargo import Cargo


@dataclass(frozen=True)
class Plan:
    """A deploy that has not begun.

    Attributes:
        instance, node, environment: what goes where.
        outcome: what Salt's test told of the node's states; others: the same of other nodes that hold data of it.
        packages: what changes in the virtualenv; None when it can't be told from here, and then why.
        database: to be created, or empty.
        migrations: to be applied, by name; None when it can't be told before the release is on the node.
        migrations_unknown: which others there may be, in words.
        release: the new one; first: nothing is live yet.
        code, processes, cron: what becomes of them.
        scale: how many of web and of processes there are on the node, where `kraftwerk scale` said so.
        commands: the release commands.
        downtime: why visitors would notice it; empty where they don't.
        left: services that have another place from now on, and where their data stays.
        wheels: where packages come from, if not from an index.
        choices: how many workers web has, whether they preload and their timeout, each with its reason.
        room: whether two releases fit the node's memory.
        balancer: what changes in where visitors are led.
        cdn: where static files come from, if not from the site.
    """

    instance: str
    node: str
    environment: str
    outcome: Outcome
    packages: Changes | None
    packages_unknown: str
    named_packages: frozenset[str]
    database: str
    migrations: tuple[str, ...] | None
    release: Release
    first: bool
    code: Code = field(default_factory=Code)
    processes: Turnover = field(default_factory=Turnover)
    cron: Turnover = field(default_factory=Turnover)
    commands: tuple[str, ...] = ()
    downtime: tuple[str, ...] = ()
    others: tuple[Outcome, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    wheels: str = ""
    scale: Mapping[str, int] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    room: Room | None = None
    migrations_unknown: str = ""
    balancer: str = ""
    cdn: str = ""

    @property
    def states(self) -> tuple[str, ...]:
        """Return the IDs of the states that would change the node."""
        return tuple(result.id for result in self.outcome.changed)

    def lines(self) -> list[str]:
        """Return the plan as it is printed."""
        return shown.lines(self)

    def more(self) -> list[str]:
        """Return all that is behind its lines."""
        return shown.more(self)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON types."""
        return {
            "instance": self.instance,
            "node": self.node,
            "environment": self.environment,
            "states": list(self.states),
            "changes": [_change(result) for result in self.outcome.changed],
            "others": {each.node: [result.id for result in each.changed] for each in self.others},
            "packages": None if self.packages is None else asdict(self.packages),
            "packages_unknown": self.packages_unknown,
            "wheels": self.wheels,
            "balancer": self.balancer,
            "code": asdict(self.code),
            "database": self.database,
            "left": dict(self.left),
            "migrations": None if self.migrations is None else list(self.migrations),
            "migrations_unknown": self.migrations_unknown,
            "commands": list(self.commands),
            "processes": asdict(self.processes),
            "cron": asdict(self.cron),
            "scale": dict(self.scale),
            "cdn": self.cdn,
            "release": self.release.number,
            "first": self.first,
            "commit": self.release.commit,
            "dirty": self.release.dirty,
            "downtime": list(self.downtime),
            "web": {each.name: {"value": each.value, "reason": each.reason} for each in self.choices},
            "memory": self.room and asdict(self.room),
        }


def _change(result: StateResult) -> dict[str, Any]:
    return {"id": result.id, "sls": result.sls, "comment": result.comment, "changes": dict(result.changes)}


@dataclass(frozen=True)
class Wanted:
    """What shall be deployed.

    Attributes:
        root: the project's folder.
        requirements: what it needs installed.
        release: the new one.
        source: what git says of it.
        hashes: of the files that are sent, by path.
        cargo: the wheels that are taken along, in place of an index.
    """

    root: Path
    requirements: Requirements
    release: Release
    source: Source = field(default_factory=Source)
    hashes: Mapping[str, str] = field(default_factory=dict)
    cargo: Cargo | None = None


def make(
    target: Target,
    history: History,
    wanted: Wanted,
    *,
    converged: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> Plan:
    """Work out what a deploy would change; nothing is changed by it.

    Args:
        target, history: where it shall go, and what is there.
        wanted: what shall go there.
        converged: the node's states are known to have nothing to change, and needn't be tested.
        on_progress: is told which state is being tested.

    Raises:
        KraftwerkError: the node can't be reached, or its states don't render.
    """
    instance = target.instance
    history = replace(history, python=history.python or instance.python)  # one that will be there
    before = history.hosted.get(instance.name) if history.live is not None else None
    with ThreadPoolExecutor() as pool:
        said = pool.submit(facts.ask, target.connection, instance, history, wanted.release, wanted.hashes)
        packages = pool.submit(lambda: changes(history, wanted, said.result().packages))
        migrations = pool.submit(lambda: _migrations(target, history, wanted, said.result()))
        others = places.test(target, wanted.root, on_progress)
        outcome = Outcome(target.node.name, (), 0.0, test=True)
        if not converged:
            outcome = highstate.converge(
                target.node, instance, test=True, project_root=wanted.root, on_progress=on_progress
            )
        found, unknown = packages.result()
        live = history.releases.get(history.live or 0, Release(0))
        return Plan(
            instance=instance.name,
            node=target.node.name,
            environment=instance.environment,
            outcome=outcome,
            packages=found,
            packages_unknown=unknown,
            named_packages=wanted.requirements.names,
            database=instance.name if history.live is None and _is_made([*others, outcome], instance) else "",
            migrations=migrations.result()[0],
            migrations_unknown=migrations.result()[1],
            release=wanted.release,
            first=history.live is None,
            code=code.find(wanted.root, wanted.source, live.commit, said.result().files, len(wanted.hashes)),
            processes=processes.processes(before, instance),
            cron=processes.cron(before, instance),
            commands=instance.release,
            downtime=downtime.reasons([*others, outcome], before, instance),
            others=tuple(others),
            left=left(history, instance, target.node.name),
            wheels=wanted.cargo.words if wanted.cargo else "",
            scale=instance.scale,
            cdn=cdn.told(instance),
            choices=capacity.choose(instance, history.capacity) if instance.application else (),
            room=capacity.room(instance, history.capacity),
        )


def left(history: History, instance: Instance, node_name: str) -> dict[str, str]:
    """Return the services that leave their data behind, with where that is in words."""
    before = history.hosted.get(instance.name)
    if before is None or history.live is None:
        return {}
    return {name: service.where(before, name) or f"on {node_name}" for name in service.displaced(before, instance)}


def changes(history: History, wanted: Wanted, made: Mapping[str, str] | None = None) -> tuple[Changes | None, str]:
    """Return how the virtualenv changes, or None and why that can't be told from here.

    Args:
        made: what the virtualenv holds that the release needs, where it is on the node already.
    """
    if history.virtualenv == wanted.release.virtualenv:
        return requirements.diff({}, {}), ""
    if made is not None:
        return requirements.diff(history.packages, made), ""
    if wanted.cargo is not None:
        return requirements.diff(history.packages, wanted.cargo.versions), ""
    try:
        versions = virtualenv.resolve(wanted.requirements, history.python)
    except KraftwerkError as error:
        return None, f"unknown from here: {error.cause.splitlines()[0]}"
    return requirements.diff(history.packages, versions), ""


def _migrations(target: Target, history: History, wanted: Wanted, said: Facts) -> tuple[tuple[str, ...] | None, str]:
    """Return the migrations to be applied, None where the new release tells them, and which others there may be.

    They are as Django tells; without its virtualenv here, those in new files.
    """
    settings = pending.settings_module(wanted.root, target.instance)
    if not settings:
        return (), ""
    known = pending.here(wanted.root, target.instance, settings)
    if known is not None:
        done = pending.applied(target.connection, target.instance, settings) if history.live else set()
        return (None, "") if done is None else (pending.between(known, done), "")
    if said.files is None:
        return None, ""
    named = pending.named(said.files.added)
    same = history.virtualenv == wanted.release.virtualenv
    return named, "" if same else f"packages that change may bring {'more' if named else 'migrations'}"


def _is_made(outcomes: Iterable[Outcome], instance: Instance) -> bool:
    """Tell whether states of PostgreSQL would change: a deploy that failed may have left its database behind."""
    if "postgres" not in instance.services or URL in instance.options.get("postgres", {}):
        return False
    return any("postgres" in shown.areas(outcome) for outcome in outcomes)
