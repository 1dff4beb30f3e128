"""The names that lead to a project when it moves to another node: kraftwerk.yaml, /etc/hosts, the DNS."""

import difflib
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kraftwerk import configtext, hosts
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.paths import write_atomic
from kraftwerk.project import Project, parse


def domains(instance: Instance, source: str, into: str) -> tuple[str, ...]:
    """Return the domains that an instance has on its new node: where they came from the node's name, both.

    Args:
        source, into: the nodes' names.
    """
    if instance.domains == (f"{instance.name}.{source}",):
        return (f"{instance.name}.{into}", *instance.domains)
    return instance.domains


def rewritten(project: Project, environment: str, source: str, into: str, names: Sequence[str]) -> str:
    """Return what kraftwerk.yaml says after a move; what needn't change in it stays byte for byte.

    Args:
        names: the instance's domains on the new node.

    Raises:
        KraftwerkError: it is written in a way that can't be kept, or the project would have mistakes (code 2).
    """
    path = project.root / FILE
    text = path.read_text()
    nodes, section = project.nodes(environment), ("environments", environment)
    if source in nodes:
        new = dict.fromkeys(into if node == source else node for node in nodes)
        text = configtext.put(text, (*section, "nodes"), f"[{', '.join(new)}]", as_yaml=True)
    if not project.deployment(environment).domain and len(names) > 1:
        text = configtext.put(text, (*section, "domain"), f"[{', '.join(names)}]", as_yaml=True)
    parse(project.root, instead={path: text})
    return text


def diff(project: Project, text: str) -> list[str]:
    """Return how a text of kraftwerk.yaml differs from what it says now, as lines with - and +."""
    found = difflib.unified_diff((project.root / FILE).read_text().splitlines(), text.splitlines(), n=0, lineterm="")
    return [line for line in found if not line.startswith(("---", "+++", "@@"))]


def write(root: Path, text: str) -> None:
    """Write kraftwerk.yaml, unless it says that already."""
    path = root / FILE
    if path.read_text() != text:
        write_atomic(path, text, path.stat().st_mode & 0o777)


def lead(source: Node, into: Node, names: Sequence[str]) -> None:
    """Have this machine find an instance on its new node, as far as /etc/hosts knew it on the old one."""
    with suppress(KraftwerkError):  # without privilege here, the site has moved all the same
        known = hosts.entries().get(source.host, ())
        if moving := [name for name in names if name in known]:
            hosts.add(into.host, moving)
        hosts.follow(into.host, names)


def records(names: Sequence[str], source: Node, into: Node) -> list[str]:
    """Return what has to change in the world's DNS, a line for each name that leads to the old node now."""
    found = []
    known = {name for each in hosts.entries().values() for name in each}
    for name in names:
        with suppress(OSError, UnicodeError):
            addresses = {str(each[4][0]) for each in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
            if name not in known and source.host in addresses:
                found.append(f"{name}: {source.host} → {into.host}")
    return found
