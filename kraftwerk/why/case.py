"""What is looked into: an address of an instance, on a node."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from kraftwerk import gaterule, target
from kraftwerk.errors import KraftwerkError
from kraftwerk.fleet import choice
from kraftwerk.instance import Instance, environment_words
from kraftwerk.node import Node, all_nodes
from kraftwerk.project import Project

PORTS = {"http": 80, "https": 443}
KEPT = "/%:=&?~+!$,;'@()*[]"  # of a URL's path and query


@dataclass(frozen=True)
class Case:
    """An address of an instance, on a node.

    Attributes:
        peers: the addresses of all the nodes that answer for the name.
    """

    url: str
    node: Node
    instance: Instance
    peers: tuple[str, ...] = ()

    @property
    def door(self) -> Node:
        """Return the node that visitors come to: its balancer, where it has one."""
        return all_nodes().get(self.instance.behind, self.node)

    @property
    def scheme(self) -> str:
        """Return http or https."""
        return urlsplit(self.url).scheme

    @property
    def host(self) -> str:
        """Return the name that is asked for."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Return the port that is asked."""
        return urlsplit(self.url).port or PORTS[self.scheme]

    @property
    def path(self) -> str:
        """Return what is asked for there, with its query."""
        parts = urlsplit(self.url)
        return quote(parts.path or "/", KEPT) + (f"?{quote(parts.query, KEPT)}" if parts.query else "")

    @property
    def is_gates(self) -> bool:
        """Tell whether it is the gate that asks for this path."""
        return self.path == (gaterule.of(self.instance).path or self.instance.health)

    def accepts(self, status: int) -> bool:
        """Tell whether an answer is a good one: what the gate accepts, of the URL that it asks."""
        return gaterule.of(self.instance).accepts(status) if self.is_gates else 200 <= status < 400

    def command(self, verb: str, *words: str, by: str = "") -> str:
        """Return a command for this node and environment.

        Args:
            words: what stands after the node.
            by: the option that names the node, for verbs that take it so.
        """
        node = [by, self.node.name] if by else [self.node.name]
        return " ".join(["kraftwerk", verb, *node, *words, *environment_words(self.instance.environment)])

    def logs(self, process: str) -> str:
        """Return the command that shows what a process printed lately."""
        return self.command("logs", "--process", process, "--since", "10m")


@dataclass(frozen=True)
class Step:
    """One step of the walk: what was seen there, and how long it took; where it is broken, why and what to do.

    Attributes:
        lines: the last ones of a traceback.
    """

    name: str
    text: str
    ok: bool = True
    next_command: str = ""
    seconds: float = 0.0
    lines: tuple[str, ...] = field(default_factory=tuple)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        found = {"name": self.name, "ok": self.ok, "text": self.text, "seconds": round(self.seconds, 3)}
        return found | ({} if self.ok else {"next": self.next_command, "lines": list(self.lines)})


def whole(url: str) -> str:
    """Return a URL with its scheme and path.

    Raises:
        KraftwerkError: it is none of the web (code 2).
    """
    found = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(found)
        good = parts.scheme in PORTS and parts.hostname and parts.port != 0 and not parts.username
    except ValueError:
        good = False
    if not good:
        raise KraftwerkError(f"{url!r} is no address of the web", next_command="such as http://mysite.blue/", code=2)
    return found if parts.path else f"{found}/"


def of_project(project: Project, environment: str, names: Sequence[str]) -> list[Case]:
    """Return the project's own address on its nodes, or on some of them.

    Raises:
        KraftwerkError: as `choice.deployed`.
    """
    targets = choice.deployed(project, environment, names, by="kraftwerk why --node NODE")
    found = []
    for there in targets:
        rule = gaterule.of(there.instance)
        url = there.instance.url.rstrip("/") + (rule.path or there.instance.health)
        peers = (each.node.host for each in targets if there.instance.domains[0] in each.instance.domains)
        found.append(Case(url, there.node, there.instance, tuple(peers)))
    return found


def of_url(url: str, names: Sequence[str]) -> list[Case]:
    """Return a URL on the nodes that have a site of that name, or on some of them.

    Raises:
        KraftwerkError: it is no URL, or no site has its name (code 2).
    """
    url = whole(url)
    host = urlsplit(url).hostname or ""
    every = [(node, instance) for node, instance in target.places(None, "") if host in names_of(instance)]
    places = [(node, instance) for node, instance in every if not names or node.name in names]
    if not places:
        cause = f"no site has the name {host}{' on ' + ', '.join(names) if names else ''}"
        raise KraftwerkError(cause, next_command="kraftwerk why, in the folder of a project", code=2)
    return [Case(url, node, instance, tuple(node.host for node, _ in every)) for node, instance in places]


def names_of(instance: Instance) -> tuple[str, ...]:
    """Return the names that an instance answers to."""
    return (*instance.domains, *instance.aliases)
