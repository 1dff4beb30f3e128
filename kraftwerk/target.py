"""Where a command goes: which node, and which instance on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from kraftwerk import registry
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance, instance_name
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.project import Project
from kraftwerk.transport import Connection


@dataclass(frozen=True)
class Target:
    """A project's instance on a node, and the way there."""

    node: Node
    instance: Instance
    connection: Connection


def resolve(project: Project, environment: str, node_name: str | None = None) -> Target:
    """Return where a command of a project goes.

    Args:
        project: from `project.find()`.
        environment: production, staging ….
        node_name: as the user gave it; else the environment's node in kraftwerk.yaml, else the only node where the
            instance is deployed, else the only node that there is.

    Raises:
        KraftwerkError: no such node, or none or several to choose from (code 2).
    """
    node = get_node(node_name or choose(project, environment))
    return Target(node, project.instance(environment, node.name), Connection(node))


def choose(project: Project, environment: str) -> str:
    """Return the name of the node that is meant when none is given.

    Raises:
        KraftwerkError: none or several to choose from (code 2).
    """
    named = project.nodes(environment)
    roster = all_nodes()
    instance = instance_name(project.name, environment)
    deployed = () if named else tuple(name for name in roster if instance in registry.instances(roster[name]))
    return pick(instance, named, deployed, tuple(roster))


def pick(instance: str, named: Sequence[str], deployed: Sequence[str], roster: Sequence[str]) -> str:
    """Return the only candidate of the first list that has any.

    Args:
        instance: whose node is looked for; it is named in the error.
        named: the environment's nodes in kraftwerk.yaml.
        deployed: nodes where the instance is known to be.
        roster: all nodes.

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
            next_command="name one of them, or one in kraftwerk.yaml under environments",
            code=2,
        )
    return candidates[0]
