"""A mark on the node that says what it was converged to: a deploy that would converge it to the same skips that.

The mark counts for an hour only, and every highstate that isn't whole and successful removes it: what somebody changed
by hand on the node meanwhile is found by `kraftwerk highstate`, which always looks, or by the first deploy after that.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from kraftwerk import __version__, registry, saltconf, secret
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.paths import config_home, share
from kraftwerk.transport import Connection

MARK = "/var/lib/kraftwerk/converged"


def digest(node: Node, hosted: Mapping[str, Instance], project_root: Path | None = None) -> str:
    """Return what stands for everything that a highstate goes by: trees, configuration, node and instances."""
    found = hashlib.sha256()
    instances = {name: instance.as_dict() for name, instance in hosted.items()}
    data = {name: part.as_dict() for name, part in registry.instances(node, registry.DATA).items()}
    unreadable = secret.reveal([instances, data])[1]  # an admin who can't decrypt leaves values as they are
    facts = (instances, data, unreadable)
    for fact in (__version__, saltconf.write().read_text(), [node.name, node.as_roster()], *facts):
        found.update(json.dumps(fact, sort_keys=True).encode() + b"\n")
    for path in _files(project_root):
        found.update(f"{path}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _files(project_root: Path | None) -> Iterator[Path]:
    trees = [share("salt"), share("pillar"), share("_modules"), share("_states"), share("_pillar")]
    trees += [config_home() / "salt", config_home() / "pillar", *([project_root / "salt"] if project_root else [])]
    for tree in trees:
        for folder, folders, names in os.walk(tree):
            folders[:] = sorted(set(folders) - {"__pycache__"})
            yield from (path for path in map(Path(folder).joinpath, sorted(names)) if path.is_file())


def holds(connection: Connection) -> str:
    """Return the mark that a node has, empty where it doesn't count any more."""
    return connection.text(["find", MARK, "-mmin", "-60", "-exec", "cat", "{}", "+"], check=False)


def forget(connection: Connection) -> None:
    """Remove the mark from a node; a highstate that succeeds writes it anew (remote/follow.sh)."""
    connection.run(["rm", "-f", MARK])
