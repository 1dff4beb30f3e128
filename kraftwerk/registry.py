"""Which instances a node hosts: the truth is on the node, a mirror on the admin feeds the pillar."""

import json
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.transport import Connection

REMOTE = "/var/lib/kraftwerk/instances"
READ = f"""\
cd {REMOTE} 2>/dev/null || exit 0
for file in *.json; do [ -f "$file" ] || continue; tr -d '\\n' <"$file"; echo; done
"""


def mirror(node_name: str) -> Path:
    """Return the folder of a node's mirror."""
    return state_home() / "instances" / node_name


def instances(node: Node) -> dict[str, Instance]:
    """Return the instances of a node by name, as last synced."""
    found = map(_read, sorted(mirror(node.name).glob("*.json")))
    return {instance.name: instance for instance in found if instance is not None}


def _read(path: Path) -> Instance | None:
    """Return the instance of a file in the mirror; a damaged one is none, the next sync writes it anew."""
    try:
        return Instance.from_dict(json.loads(path.read_text()))
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def sync(connection: Connection) -> dict[str, Instance]:
    """Read a node's instances into the mirror and return them; what other admins deployed there is among them.

    Raises:
        KraftwerkError: the node can't be reached, or a registry file on it is damaged.
    """
    node = connection.node
    found = {}
    for line in connection.script(READ).stdout.decode().splitlines():
        try:
            instance = Instance.from_dict(json.loads(line))
        except (TypeError, ValueError, AttributeError) as error:
            raise KraftwerkError(f"{node.name}:{REMOTE}: a damaged registry file ({error})") from error
        found[instance.name] = instance
    for path in mirror(node.name).glob("*.json"):
        if path.stem not in found:
            path.unlink(missing_ok=True)
    for instance in found.values():
        record(node, instance)
    return found


def record(node: Node, instance: Instance) -> None:
    """Put an instance into the mirror; the node gets it with the next highstate."""
    folder = private(mirror(node.name))
    write_atomic(folder / f"{instance.name}.json", json.dumps(instance.as_dict(), indent=1, sort_keys=True))


def forget(node: Node, name: str) -> None:
    """Remove an instance from the mirror."""
    (mirror(node.name) / f"{name}.json").unlink(missing_ok=True)


def forget_node(name: str) -> None:
    """Remove a node's mirror."""
    for path in mirror(name).glob("*.json"):
        path.unlink(missing_ok=True)
