"""Which nodes are meant, where a command takes several."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from kraftwerk import privilege, screen, service, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.project import Project
from kraftwerk.target import Target


def check(names: Sequence[str], everything: bool) -> None:
    """See that nodes are named, or all are meant, but not both.

    Raises:
        KraftwerkError: both (code 2).
    """
    if names and everything:
        raise KraftwerkError(f"either {', '.join(names)} or --all", next_command="leave one of them out", code=2)


def named(names: Iterable[str]) -> list[Node]:
    """Return nodes by their names, each once, in that order.

    Raises:
        KraftwerkError: there is no such node, or none at all (code 2).
    """
    found = [get_node(name) for name in dict.fromkeys(names)]
    if not found:
        none = "there are no nodes yet"
        raise KraftwerkError(none, next_command="kraftwerk create-node blue --provider local", code=2)
    if any(node.is_here for node in found):
        privilege.obtain()  # here, where a password can be asked for
    return found


def everything() -> list[Node]:
    """Return all nodes of the roster.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    return named(sorted(all_nodes()))


def of_environment(project: Project, environment: str) -> list[Node]:
    """Return an environment's nodes: those that kraftwerk.yaml names, and those where it is known to be.

    Raises:
        KraftwerkError: there is none, or no such environment (code 2).
    """
    names = target.names(project, environment)
    if not names:
        cause = f"{project.name} has no node in {environment}"
        raise KraftwerkError(cause, next_command="kraftwerk deploy NODE, or name it in kraftwerk.yaml", code=2)
    return named(names)


def targets(project: Project, environment: str, names: Sequence[str], everything: bool, by: str) -> list[Target]:
    """Return where a deploy goes: to NODE…, or to all that kraftwerk.yaml names, or where the project is already.

    Nodes that hold data of the project for others come first, and then the balancer.

    Args:
        everything: to all nodes of the environment.
        by: how the command line names a node, for the error.

    Raises:
        KraftwerkError: as `target.resolve`.
    """
    if everything:
        nodes = of_environment(project, environment)
    else:
        nodes = named(names or project.nodes(environment) or [target.choose(project, environment, by)])
    found = _cron_once([target.resolve(project, environment, node.name) for node in nodes])
    holding = {name for each in found for name in service.places(each.instance.options).values()}
    return sorted(found, key=lambda each: (each.node.name not in holding, not each.instance.balances))


def deployed(project: Project, environment: str, names: Sequence[str], by: str) -> list[Target]:
    """Return where a project is: on NODE…, or on all nodes of its environment; where it isn't yet is told.

    Args:
        by: how the command line names a node, for the error.

    Raises:
        KraftwerkError: as `target.deployed`; it is on none of them.
    """
    if names:
        return [target.deployed(project, environment, node.name) for node in named(names)]
    found, lacking = [], []
    for name in target.names(project, environment):
        try:
            found.append(target.deployed(project, environment, name))
        except KraftwerkError as error:
            if error.code == 2:
                raise
            lacking.append(error)
    if not found and not lacking:
        return [target.deployed(project, environment, by=by)]
    if not found:
        raise lacking[0]
    for each in lacking:
        screen.warn(str(each))
    return found


def _cron_once(found: list[Target]) -> list[Target]:
    """Return targets of which one alone runs cron jobs: where all are new, several would take them for theirs."""
    first = next((each.node.name for each in found if each.instance.cron), "")
    without = ((each, replace(each.instance, cron={})) for each in found)
    return [each if each.node.name == first else replace(each, instance=bare) for each, bare in without]
