"""Removing an instance from its node: the parts that go, and the states that take them away."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from kraftwerk import balancer, highstate, lock, neighbours, nodeprogram, part, places, registry, release, service
from kraftwerk.counts import headline
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.release import History
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target

PROCESSES, SOURCE, TABLES, DATABASE, OWNER = "processes", "source", "tables", "database", "owner"


@dataclass(frozen=True)
class Inventory:
    """What an instance has on its node.

    Attributes:
        instance: as the node's registry has it: its services may be others than kraftwerk.yaml names by now.
        data: for each service what it holds, such as `postgres 10 tables 31 rows`.
    """

    instance: Instance
    history: History
    data: tuple[str, ...]

    def lines(self, node_name: str) -> list[str]:
        """Return it as it is printed before the questions."""
        instance = self.instance
        live = f"release {self.history.live}, {instance.url}" if self.history.live else "no release"
        data = [f"  data      {' · '.join(self.data)}"] if self.data else []
        places = [
            f"  data of   {name} is {where}" for name in instance.services if (where := service.where(instance, name))
        ]
        place = instance.cdn.get("bucket", "").partition("?")[0]
        kept = [f"  cdn       the static files in {place} stay there"] if place else []
        title = f"{instance.name} on {node_name} ({instance.environment})"
        return [title, f"  live      {live}", *data, *places, *kept]

    def warning(self, node_name: str) -> str:
        """Return what is about to happen, whatever is answered to the questions that follow."""
        if self.instance.application:
            led = balancer.consequence([self.instance])
            return f"{self.instance.name} will stop being served by {node_name}.{' ' + led if led else ''}"
        return f"{node_name} has data of {self.instance.name} that no node uses any more."


def look(target: Target) -> Inventory:
    """Look at what is there.

    Raises:
        KraftwerkError: the node can't be reached, or the instance isn't there, or is another project's.
    """
    with lock.held(target.connection, highstate.LOCK, wait=highstate.WAIT):
        known = registry.sync(target.connection)
    if target.instance.name not in known:
        return _look_at_data(target)
    neighbours.check_owner(target.instance, known, target.node.name)
    instance = known[target.instance.name]
    data = tuple(_counts(target, name) for name in instance.services)
    return Inventory(instance, release.read(target.connection, target.instance), data)


def _look_at_data(target: Target) -> Inventory:
    """Look at data on a node that was used by others only, and is no more."""
    known, name, node = registry.instances(target.node, registry.DATA), target.instance.name, target.node.name
    if name not in known:
        raise KraftwerkError(f"{name} is not on {node}", next_command="kraftwerk status", code=2)
    neighbours.check_owner(target.instance, known, node)
    if users := part.clients(known[name]):
        cause = f"{node} has data of {name} only, in use by {', '.join(users)}"
        raise KraftwerkError(cause, next_command=f"kraftwerk destroy {users[0]}", code=2)
    data = tuple(_counts(target, each) for each in known[name].services)
    return Inventory(known[name], History(), data)


def _counts(target: Target, name: str) -> str:
    try:
        counts = nodeprogram.call(target.connection, f"kw_{name}.inspect", target.instance.name)["counts"]
    except (KraftwerkError, KeyError, TypeError):
        return f"{name} (can't be counted)"
    return headline(name, counts)


def choose(instance: Instance, ask: Callable[[str], bool], keep_data: bool) -> tuple[str, ...]:
    """Return the parts that shall go; each question is asked only if the one that it builds upon was answered with yes.

    Args:
        ask: asks a question.
        keep_data: leave tables, database and owner without asking.
    """
    name, has_data, runs = instance.name, bool(instance.services), bool(instance.application)
    parts = [PROCESSES] if runs else []
    if runs and ask(f"Remove the source of {name} (releases, virtualenvs, logs)?"):
        parts.append(SOURCE)
    if keep_data:
        return tuple(parts)
    if has_data and ask(f"Drop the tables of {name}, and its uploaded files?"):
        parts.append(TABLES)
        if ask(f"Drop the database {name}?"):
            parts.append(DATABASE)
    without_data = not has_data or DATABASE in parts
    without_source = SOURCE in parts or not runs
    if without_source and without_data and ask(f"Remove the owner {instance.user}, with its secrets?"):
        parts.append(OWNER)
    return tuple(parts)


def remove(
    target: Target,
    instance: Instance,
    parts: tuple[str, ...],
    project_root: Path,
    on_progress: OnProgress | None = None,
) -> None:
    """Take parts of an instance away. The node's registry is told first: what is interrupted goes on with the next try.

    Args:
        instance: from `look`.
        parts: from `choose`.
        project_root: whose own states and files go before the shipped ones: the project's other instances keep them.

    Raises:
        KraftwerkError: the node can't be reached, somebody else works on the instance, or a state failed.
    """
    data = tuple(each for each in parts if each in (TABLES, DATABASE, OWNER))
    if not instance.application:
        places.remove(target.node, instance, data, project_root, on_progress)
        return
    # Not what is nobody's to read on its way there.
    leaving = replace(instance, present=False, remove=parts, moved="", environ={}, superusers={}, pillar={})
    with lock.held(target.connection, leaving.name):
        plain = json.dumps(leaving.as_dict(), indent=2, sort_keys=True)
        balancer.leave(instance, target.node, gone=True)
        target.connection.script(script("leave"), leaving.name, plain)
        only = (leaving.project,)
        outcome = highstate.converge(
            target.node, leaving, only=only, project_root=project_root, on_progress=on_progress
        )
        if outcome.failed:
            raise KraftwerkError(highstate.failures(outcome), next_command="kraftwerk destroy, once more")
        places.leave(target, instance, data, project_root, on_progress)
        if OWNER in parts:
            target.connection.script(script("gone"), leaving.name)
            registry.forget(target.node, leaving.name)
