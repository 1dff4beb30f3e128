"""Copies of a project's data from one of its instances to another: which ones, and what is kept of what is replaced."""

from dataclasses import dataclass

from kraftwerk import (
    anonymize,
    arrival,
    dump,
    load,
    lock,
    nodeprogram,
    registry,
    replacement,
    safety,
    screen,
    target,
)
from kraftwerk.anonymize import Hooks
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import instance_name
from kraftwerk.node import Node, all_nodes
from kraftwerk.project import Project
from kraftwerk.replacement import Plan
from kraftwerk.target import Target

DEVELOPMENT = "development"
LOCAL = "local"

End = tuple[str, str | None]  # an environment, and the name of a node where it is on several


@dataclass(frozen=True)
class Choice:
    """What of a copy is chosen: services, a safety dump, hooks, and whether questions are answered with yes."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    backup: bool = True
    harmless: bool = True
    yes: bool = False


def carry_out(project: Project, source: End, into: End, choice: Choice) -> None:
    """Copy, with all that is asked and told.

    Raises:
        KraftwerkError: as `ends`, `replacement.plan` and `load.load`; or the answer was no.
    """
    here, there = ends(project, source, into)
    with lock.held(there.connection, there.instance.name):
        with lock.held(here.connection, here.instance.name):
            origin, held = replacement.of_instance(here.connection, dump.deployed(here))
        coming = replacement.chosen(held, choice.only, choice.skip, origin)
        plan = replacement.plan(there, origin, coming)
        hooks, note = _hooks(project, there, plan, choice)
        replacement.confirm(plan, kept=choice.backup, yes=choice.yes, note=note)
        check_room(here, there, plan, choice.backup)
        back = safety.keep_there(there, plan) if choice.backup else ""
        arrive = arrival.of_instance(here, there, plan.services)
        outcome = load.load(there, plan, arrive, back=back, hooks=hooks)
    load.tell(outcome, back)


def _hooks(project: Project, there: Target, plan: Plan, choice: Choice) -> tuple[Hooks | None, str]:
    """Return what makes the copy harmless, and a line on it; ask where people's data would go without it."""
    if there.instance.environment == "production":
        return None, ""
    hooks = anonymize.hooks(project.root, there.instance, plan)
    if hooks is None:
        return None, f"Nothing is anonymized: {FILE} has no `anonymize:` for this data."
    if choice.harmless:
        return hooks, f"It is anonymized before anybody can reach it, by {hooks}."
    question = f"{FILE} says how this data is anonymized ({hooks}). Copy it as it is, with people's data?"
    if not screen.confirm(question, yes=choice.yes):
        raise KraftwerkError(f"not confirmed: {plan.place} is left as it was", next_command="without --no-anonymize")
    return None, "It is NOT anonymized."


def ends(project: Project, source: End, into: End) -> tuple[Target, Target]:
    """Return from where to where a copy goes.

    Raises:
        KraftwerkError: no such environment or node, several to choose from, it isn't deployed there, or both are the
            same (code 2).
    """
    words = f"kraftwerk copy --from {source[0]} --to {into[0]}"
    here = target.deployed(project, *source, by=f"{words} --from-node NODE")
    there = target.deployed(project, *into, by=f"{words} --to-node NODE")
    if (here.node.name, here.instance.name) == (there.node.name, there.instance.name):
        raise KraftwerkError(
            f"{here.instance.name} on {here.node.name} would be copied onto itself",
            next_command="name two environments, or two nodes with --from-node and --to-node",
            code=2,
        )
    return here, there


def to_local(project: Project, source: End, choice: Choice) -> None:
    """Copy into the development environment on its local node, as `carry_out` does.

    Raises:
        KraftwerkError: as `carry_out` and `local_node`.
    """
    carry_out(project, source, (DEVELOPMENT, local_node(project)), choice)


def local_node(project: Project) -> str:
    """Return the name of the local node that the project's development environment is on.

    Raises:
        KraftwerkError: there is none, with the commands that make one; or there are several (code 2).
    """
    name = instance_name(project.name, DEVELOPMENT)
    local = {node.name: node for node in all_nodes().values() if node.provider == LOCAL}
    found = [node for node in target.names(project, DEVELOPMENT) if node in local]
    deployed = [node for node in found if _is_there(local[node], name)]
    if len(deployed) == 1:
        return deployed[0]
    if deployed:
        raise KraftwerkError(
            f"{name} is deployed on several local nodes: {', '.join(deployed)}",
            next_command=f"kraftwerk copy --to {DEVELOPMENT} --to-node {deployed[0]}",
            code=2,
        )
    node = next(iter(found or local), "")
    create = "" if node else "kraftwerk create-node dev --provider local && "
    raise KraftwerkError(
        f"{name} is not deployed on a local node yet, and a copy of the data needs the application around it",
        next_command=f"{create}kraftwerk deploy {node or 'dev'} --env {DEVELOPMENT}",
    )


def _is_there(node: Node, name: str) -> bool:
    found = registry.instances(node).get(name)
    return found is not None and found.present


def check_room(source: Target, into: Target, plan: Plan, backup: bool) -> None:
    """Make sure that the node has room for what comes beside what it has: packed, and uploads once more as they are.

    Databases look for room themselves, where their servers keep them.

    Args:
        backup: a safety dump needs room, too.

    Raises:
        KraftwerkError: it has not, with the figures.
    """
    needed = sum(one.size for one in plan.coming)
    if set(source.instance.services) <= set(plan.services):
        needed = _estimate(source)
    needed += sum(one.size for one in plan.coming if one.service == "files")
    needed += _estimate(into) if backup else 0
    nodeprogram.call(into.connection, "kw_archive.check_room", str(into.instance.root), needed)


def _estimate(of: Target) -> int:
    return int(nodeprogram.call(of.connection, "kw_archive.estimate", of.instance.name))
