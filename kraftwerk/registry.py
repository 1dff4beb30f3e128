"""Which instances a node hosts, and whose data: the truth is on the node, a mirror on the admin feeds the pillar."""

import json
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.transport import Connection

HOSTED, DATA = "instances", "data"  # folders on the node: of instances, and of parts of those on other nodes
REMOTE = "/var/lib/kraftwerk"
READ = f"""\
cd {REMOTE} 2>/dev/null || exit 0
for file in {HOSTED}/*.json {DATA}/*.json; do
  [ -f "$file" ] || continue
  printf '%s\\t' "${{file%/*}}"
  tr -d '\\n' <"$file"
  echo
done
"""


def mirror(node_name: str, kind: str = HOSTED) -> Path:
    """Return the folder of a node's mirror; that of parts is inside it."""
    folder = state_home() / "instances" / node_name
    return folder if kind == HOSTED else folder / kind


def instances(node: Node, kind: str = HOSTED) -> dict[str, Instance]:
    """Return the instances of a node by name, or the parts of others, as last synced."""
    found = map(_read, sorted(mirror(node.name, kind).glob("*.json")))
    return {instance.name: instance for instance in found if instance is not None}


def _read(path: Path) -> Instance | None:
    """Return the instance of a file in the mirror; a damaged one is none, the next sync writes it anew."""
    try:
        return Instance.from_dict(json.loads(path.read_text()))
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def sync(connection: Connection) -> dict[str, Instance]:
    """Read a node's instances and parts into the mirror and return the instances; what other admins deployed is there.

    Raises:
        KraftwerkError: the node can't be reached, or a registry file on it is damaged.
    """
    node = connection.node
    found: dict[str, dict[str, Instance]] = {HOSTED: {}, DATA: {}}
    for line in connection.script(READ).stdout.decode().splitlines():
        kind, _, text = line.partition("\t")
        try:
            instance = Instance.from_dict(json.loads(text))
        except (TypeError, ValueError, AttributeError) as error:
            raise KraftwerkError(f"{node.name}:{REMOTE}/{kind}: a damaged registry file ({error})") from error
        found[kind][instance.name] = instance
    for kind, there in found.items():
        for path in mirror(node.name, kind).glob("*.json"):
            if path.stem not in there:
                path.unlink(missing_ok=True)
        for instance in there.values():
            record(node, instance, kind)
    return found[HOSTED]


def record(node: Node, instance: Instance, kind: str = HOSTED) -> None:
    """Put an instance, or a part of one, into the mirror; the node gets it with the next highstate."""
    folder = private(mirror(node.name, kind))
    write_atomic(folder / f"{instance.name}.json", json.dumps(instance.as_dict(), indent=1, sort_keys=True))


def forget(node: Node, name: str, kind: str = HOSTED) -> None:
    """Remove an instance, or a part of one, from the mirror."""
    (mirror(node.name, kind) / f"{name}.json").unlink(missing_ok=True)


def forget_node(name: str) -> None:
    """Remove a node's mirror."""
    for path in mirror(name).rglob("*.json"):
        path.unlink(missing_ok=True)
