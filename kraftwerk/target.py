"""Where a command goes: which node, and which instance on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kraftwerk import neighbours, registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, environment_words, instance_name
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.project import Project
from kraftwerk.transport import Connection


@dataclass(frozen=True)
class Target:
    """A project's instance on a node, and the way there."""

    node: Node
    instance: Instance
    connection: Connection


def resolve(project: Project, environment: str, node_name: str | None = None, *, by: str = "") -> Target:
    """Return where a command of a project goes.

    Args:
        project: from `project.find()`.
        environment: production, staging ….
        node_name: as the user gave it; else the environment's node in kraftwerk.yaml, else the only node where the
            instance is deployed, else the only node that there is.
        by: how the command line names a node, such as `kraftwerk dump NODE`: for the error.

    Raises:
        KraftwerkError: no such node, none or several to choose from, or the name is another project's there (code 2).
    """
    node = get_node(node_name or choose(project, environment, by))
    instance = instance_on(project, environment, node)
    neighbours.check_owner(instance, registry.instances(node), node.name)
    return Target(node, instance, Connection(node))


def instance_on(project: Project, environment: str, node: Node) -> Instance:
    """Return a project's instance on a node: scaled as it is there, and with cron jobs on one node of all.

    That one is the first that kraftwerk.yaml names. Where it names none, it is the one that has them already.

    Raises:
        KraftwerkError: as `Project.instance`.
    """
    found = scaled(project.instance(environment, node.name), registry.instances(node))
    if found.cron and cron_node(project, environment) not in ("", node.name):
        return replace(found, cron={})
    return found


def scaled(instance: Instance, hosted: Mapping[str, Instance]) -> Instance:
    """Return an instance with as many processes as somebody wanted on the node, of those that it has.

    What the node knows of its balancers, only a deploy asks anew.
    """
    there = hosted.get(instance.name)
    if there and instance.balancer and "from" in there.balancer:
        instance = replace(instance, balancer={**instance.balancer, "from": there.balancer["from"]})
    known = {"web", *instance.processes}
    wanted = {name: count for name, count in (there.scale if there else {}).items() if name in known}
    return replace(instance, scale=wanted)


def cron_node(project: Project, environment: str) -> str:
    """Return the node that an environment's cron jobs run on; empty where that isn't settled yet."""
    name = instance_name(project.name, environment)
    having = (node.name for node in all_nodes().values() if _runs_cron(node, name))
    return next(iter(project.nodes(environment)), "") or next(having, "")


def _runs_cron(node: Node, name: str) -> bool:
    there = _present(node).get(name)
    return there is not None and bool(there.cron) and not there.moved


def deployed(project: Project, environment: str, node_name: str | None = None, *, by: str = "") -> Target:
    """Return where a command goes that needs the instance to be there.

    Args:
        project, environment, node_name, by: as in `resolve`.

    Raises:
        KraftwerkError: as `resolve`; or it isn't deployed there.
    """
    there = resolve(project, environment, node_name, by=by)
    name, node = there.instance.name, there.node
    # Somebody else may have deployed it: the node is asked before it is denied.
    if name not in _present(node) and not getattr(registry.sync(there.connection).get(name), "present", False):
        raise not_deployed(there)
    return there


def not_deployed(there: Target) -> KraftwerkError:
    """Return the error for a command that needs an instance where it isn't."""
    name, environment, node = there.instance.name, there.instance.environment, there.node.name
    words = ["kraftwerk", "deploy", node, *environment_words(environment)]
    return KraftwerkError(f"{name} is not deployed on {node}", next_command=" ".join(words))


def choose(project: Project, environment: str, by: str = "") -> str:
    """Return the name of the node that is meant when none is given.

    Args:
        by: as in `resolve`.

    Raises:
        KraftwerkError: none or several to choose from (code 2).
    """
    named = project.nodes(environment)
    instance = instance_name(project.name, environment)
    return pick(instance, named, () if named else tuple(_deployed(instance)), tuple(all_nodes()), by)


def is_obvious(project: Project, environment: str, node: Node) -> bool:
    """Tell whether a command that names no node goes to this one."""
    try:
        return choose(project, environment) == node.name
    except KraftwerkError:
        return False


def places(project: Project | None, environment: str, node_names: Sequence[str] = ()) -> list[tuple[Node, Instance]]:
    """Return where a project's instance is, or should be, to look at; without a project, all instances everywhere.

    Args:
        node_names: only there.

    Raises:
        KraftwerkError: no such node (code 2).
    """
    given = list(dict.fromkeys(node_names))
    if project is None:
        nodes = [get_node(each) for each in given] or all_nodes().values()
        return [(node, instance) for node in nodes for instance in _present(node).values()]
    return [
        (node, instance_on(project, environment, node)) for node in map(get_node, given or names(project, environment))
    ]


def names(project: Project, environment: str) -> list[str]:
    """Return the names of an environment's nodes: those that kraftwerk.yaml names, and those where it is known to be.

    Raises:
        KraftwerkError: no such environment (code 2).
    """
    instance = instance_name(project.name, environment)
    return list(dict.fromkeys([*project.nodes(environment), *_deployed(instance)]))


def _present(node: Node) -> dict[str, Instance]:
    found = registry.instances(node).items()
    return {name: instance for name, instance in found if instance.present and not instance.arriving}


def _deployed(instance: str) -> list[str]:
    """Return the names of the nodes where an instance is known to be."""
    return [name for name, node in all_nodes().items() if instance in _present(node)]


def pick(instance: str, named: Sequence[str], deployed: Sequence[str], roster: Sequence[str], by: str = "") -> str:
    """Return the only candidate of the first list that has any.

    Args:
        instance: whose node is looked for; it is named in the error.
        named: the environment's nodes in kraftwerk.yaml.
        deployed: nodes where the instance is known to be.
        roster: all nodes.
        by: as in `resolve`.

    Raises:
        KraftwerkError: none or several (code 2).
    """
    candidates = named or deployed or roster
    if not candidates:
        raise KraftwerkError("there is no node yet", next_command="kraftwerk create-node blue --provider local", code=2)
    if len(candidates) > 1:
        where = "kraftwerk.yaml names" if named else "it is deployed on" if deployed else "there are"
        listed = ", ".join(sorted(candidates))
        raise KraftwerkError(
            f"which node is meant for {instance}? {where} {listed}",
            next_command=f"{by + ', or ' if by else ''}name it below environments in kraftwerk.yaml",
            code=2,
        )
    return candidates[0]
