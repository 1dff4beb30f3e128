"""What a project may say of itself: the keys of kraftwerk.yaml and of its pillar files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kraftwerk import backupconfig, caching, cdnconfig, gaterule, service, superuser
from kraftwerk.lockfiles import kinds
from kraftwerk.node import HOSTNAME
from kraftwerk.schema import Value, Wrong, anything, list_of, mapping_of, number, one_of, pairs, record, setting, text
from kraftwerk.site import layout
from kraftwerk.workers import parse as worker
from kraftwerk.workers import shell_command

FILE = "kraftwerk.yaml"
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
LABEL_MEANING = "a name: lower-case letters, digits and dashes"
MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
CALLABLE = rf"{MODULE}(\([^()\x00-\x1f\x7f]*\))?"  # or a function that returns one, with its arguments

hostname = text(HOSTNAME.pattern, "a domain, such as www.example.com")
host = text(r"[\w.:-]+", "an address or a hostname")
node_name = text(HOSTNAME.pattern, "a node's name")
application = text(rf"{MODULE}(:{CALLABLE})?", "module or module:callable")
package_part = text(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "the name of an extra or of a group")
label = text(LABEL, LABEL_MEANING)
encryption = one_of("auto", "internal", "off")
BALANCED = 8480  # the port at which a balancer asks web nodes, itself among them
schedule = text(
    r"@(hourly|daily|midnight|weekly|monthly|yearly|annually|reboot)|[\w*,/-]+( +[\w*,/-]+){4}",
    'five fields of cron, such as "17 3 * * *", or @daily',
)


def folder(value: Value, meaning: str = "a folder inside the project, such as src or static/build") -> str:
    """Parse a path inside the project; nothing that leads out of it."""
    path = text(r"[\w.@+-]+(/[\w.@+-]+)*/?", meaning)(value)
    if ".." in path.split("/"):
        raise Wrong(f"{path!r} leads out of the project")
    return path.rstrip("/")


def static_folder(value: Value) -> str:
    """Parse a folder that everybody may read; the whole source isn't one."""
    path = folder(value)
    if not path.strip("./"):
        raise Wrong("serves the whole source, settings included; give a folder in it")
    return path


def anonymizer(value: Value) -> str:
    """Parse what anonymizes a copy: a script of the project for a service's data, or below `run` a command."""
    if value.key.endswith(".run"):
        return shell_command(value)
    return folder(value, "a file of the project, such as anonymize.sql")


def boolean(value: Value) -> bool:
    """Parse true or false."""
    found = anything(value)
    if not isinstance(found, bool):
        raise Wrong(f"must be true or false, not {found!r}")
    return found


def requirement_file(value: Value) -> str:
    """Parse a file that requirements stand in, of a kind that can be read."""
    path = folder(value, "a file inside the project, such as requirements.txt or poetry.lock")
    if kinds.kind(path) is None:
        raise Wrong(f"{path!r} is no file of requirements; known are {kinds.KNOWN}")
    return path


@dataclass(frozen=True)
class Cron:
    """A command that runs at its times."""

    at: str = setting(schedule)
    run: str = setting(shell_command)


@dataclass(frozen=True)
class Environment:
    """Where a project runs, and what it is called there."""

    nodes: tuple[str, ...] = setting(list_of(node_name, or_one=True), default=())
    balancer: str = setting(node_name, default="")
    hosts: Mapping[str, str] = setting(mapping_of(host, HOSTNAME.pattern, "a node's name"), default_factory=dict)
    domain: tuple[str, ...] = setting(list_of(hostname, or_one=True), default=())
    aliases: tuple[str, ...] = setting(list_of(hostname, or_one=True), default=())
    tls: str = setting(encryption, default="")
    cdn: Mapping[str, Any] = setting(cdnconfig.parse, default_factory=dict)

    def balancing(self, node: str) -> dict[str, Any]:
        """Return what an instance on a node has of the balancer; nothing without one, or on a node that isn't named.

        That is its `node`, whether that is `here`, its `port`, and the `host` by which it reaches the node, if one is
        given. When it is deployed there come, as `from`, the addresses of balancers by their names (balancer.py).
        """
        if not self.balancer or node not in self.nodes:
            return {}
        here = {"node": self.balancer, "here": node == self.balancer, "port": BALANCED}
        return here | ({"host": self.hosts[node]} if node in self.hosts else {})


def environment(value: Value) -> Environment:
    """Parse where a project runs; the balancer, and nodes whose addresses are given, are among its nodes."""
    found = record(Environment)(value)
    keys = dict(pairs(replace(value, problems=[])))
    strange = {"balancer": [found.balancer] if found.balancer else [], "hosts": found.hosts}
    for key, names in strange.items():
        for name in (name for name in names if name not in found.nodes):
            replace(keys[key], problems=value.problems).wrong(f"{name} is none of its nodes: one that serves the site")
    return found


@dataclass(frozen=True)
class Deployment:
    """The keys that kraftwerk.yaml, pillar/base.sls and pillar/<environment>.sls may all give; the last one wins."""

    wsgi: str = setting(application, default="")
    asgi: str = setting(application, default="")
    requirements: tuple[str, ...] | None = setting(list_of(requirement_file, or_one=True), default=None)
    extras: tuple[str, ...] = setting(list_of(package_part, or_one=True), default=())
    groups: tuple[str, ...] = setting(list_of(package_part, or_one=True), default=())
    install: bool | None = setting(boolean, default=None)
    wheels: str = setting(
        text(r"[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*", "a folder of wheels, such as wheels"), default=""
    )
    python: str = setting(text(r"3(\.\d+)?", "a version of Python 3, such as 3 or 3.11"), default="3")
    workers: int | None = setting(number(1, 512), default=None)
    preload: bool | None = setting(boolean, default=None)
    timeout: int | None = setting(number(1, 86400), default=None)
    drain: int = setting(number(0, 3600), default=30)
    services: Mapping[str, Mapping[str, Any]] = setting(service.parse, default_factory=dict)
    processes: Mapping[str, Any] = setting(mapping_of(worker, LABEL, LABEL_MEANING), default_factory=dict)
    cron: Mapping[str, Cron] = setting(mapping_of(record(Cron), LABEL, LABEL_MEANING), default_factory=dict)
    release: tuple[str, ...] | None = setting(list_of(shell_command, or_one=True), default=None)
    static: Mapping[str, str] | None = setting(
        mapping_of(static_folder, r"/([\w.@+-]+/)+", "a URL that begins and ends with a slash, such as /static/"),
        default=None,
    )
    health: str = setting(gaterule.path, default="/")
    gate: Mapping[str, Any] = setting(gaterule.parse, default_factory=dict)
    environ: Mapping[str, str] = setting(
        mapping_of(
            text(r"[^\x00-\x08\x0b-\x1f\x7f]*", "text without control characters"),
            r"[A-Za-z_][A-Za-z0-9_]*",
            "the name of an environment variable",
        ),
        default_factory=dict,
    )
    domain: tuple[str, ...] = setting(list_of(hostname, or_one=True), default=())
    aliases: tuple[str, ...] = setting(list_of(hostname, or_one=True), default=())
    tls: str = setting(encryption, default="off")
    cdn: Mapping[str, Any] = setting(cdnconfig.parse, default_factory=dict)
    src: str = setting(folder, default=".")
    package: str = setting(text(MODULE, "the name of a Python package"), default="")
    caching: Mapping[str, Any] = setting(caching.parse, default_factory=dict)
    nginx_site: Mapping[str, Any] = setting(layout.parse, default_factory=dict)
    superusers: Mapping[str, Mapping[str, str]] = setting(
        mapping_of(superuser.parse, superuser.NAME, superuser.NAME_MEANING), default_factory=dict
    )
    backup: Mapping[str, Any] = setting(backupconfig.parse, default_factory=dict)
    anonymize: Mapping[str, str] = setting(mapping_of(anonymizer, LABEL, LABEL_MEANING), default_factory=dict)
    keep: int = setting(number(1, 100), default=5)  # releases


@dataclass(frozen=True)
class ProjectFile(Deployment):
    """The keys of kraftwerk.yaml: a deployment's, the environments, and a name where the folder's isn't one."""

    name: str = setting(label, default="")
    environments: Mapping[str, Environment] = setting(
        mapping_of(environment, LABEL, LABEL_MEANING), default_factory=dict
    )


@dataclass(frozen=True)
class Layer:
    """What one file says.

    Attributes:
        source: the file, as it is printed.
        values: its keys, parsed.
        places: file and line of each value, by its keys from the top.
        foreign: keys that are not ours, for states of the project's own.
    """

    source: str
    values: Mapping[str, object] = field(default_factory=dict)
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    foreign: Mapping[str, object] = field(default_factory=dict)
