"""What else a node hosts: no instance may take another one's name, domains or processes."""

from collections.abc import Iterable, Mapping

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance


def check_owner(instance: Instance, hosted: Mapping[str, Instance], node_name: str) -> None:
    """See that an instance's name is its own: `shop` in staging and `shop-staging` in production would share it.

    Args:
        hosted: the node's instances by name.

    Raises:
        KraftwerkError: it belongs to another project or environment (code 2).
    """
    other = hosted.get(instance.name)
    if other is not None and (other.project, other.environment) != (instance.project, instance.environment):
        raise KraftwerkError(
            f"{instance.name} on {node_name} is the project {other.project} in {other.environment}, "
            f"not {instance.project} in {instance.environment}",
            next_command="another node, or another name for this project's folder or environment",
            code=2,
        )


def check(instance: Instance, hosted: Mapping[str, Instance], node_name: str) -> None:
    """See that an instance can live beside those that a node has.

    Args:
        hosted: the node's instances by name; an older version of this one among them doesn't count.

    Raises:
        KraftwerkError: its name, one of its domains or one of its processes is another one's (code 2).
    """
    check_owner(instance, hosted, node_name)
    if (old := hosted.get(instance.name)) is not None and old.moved:
        raise KraftwerkError(
            f"{instance.name} has moved from {node_name}, which passes its requests on to {old.moved}",
            next_command=f"git pull: kraftwerk.yaml names the new node; or kraftwerk destroy {node_name} first",
            code=2,
        )
    for other in hosted.values():
        if other.name == instance.name or not other.present:
            continue
        if taken := _both(_domains(instance), _domains(other)):
            raise KraftwerkError(
                f"{taken} is served on {node_name} by {other.name} already",
                next_command="another domain in kraftwerk.yaml, or destroy the other one",
                code=2,
            )
        if taken := _both(_services(instance), _services(other)):
            raise KraftwerkError(
                f"{other.name} on {node_name} has a process that runit calls {taken}, too",
                next_command="another name for the process in kraftwerk.yaml",
                code=2,
            )


def _both(ours: Iterable[str], theirs: Iterable[str]) -> str:
    return ", ".join(sorted({*ours} & {*theirs}))


def _domains(instance: Instance) -> tuple[str, ...]:
    return (*instance.domains, *instance.aliases)


def _services(instance: Instance) -> list[str]:
    return [f"{instance.name}-{process}" for process in ("web-a", "web-b", *instance.processes)]
