"""An instance: a project in an environment on a node, with the names and paths that follow from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from kraftwerk import workers

NAME_LIMIT = 27  # Linux user names end at 32 characters, and `web-` comes first


def instance_name(project: str, environment: str) -> str:
    """Return the instance's name: the project's in production, `<project>-<environment>` elsewhere."""
    return project if environment == "production" else f"{project}-{environment}"


def environment_words(environment: str) -> list[str]:
    """Return the words that name an environment for a command: none for production, which is meant without any."""
    return [] if environment == "production" else ["--env", environment]


@dataclass(frozen=True)
class Instance:
    """What a node needs to know of a project; travels as pillar and as the node's registry file. Holds no secret."""

    name: str
    project: str
    environment: str
    wsgi: str
    asgi: str = ""  # in place of wsgi
    workers: int | None = None
    preload: bool | None = None  # None, as for workers and timeout: from the node's cores and memory
    timeout: int | None = None
    drain: int = 30
    python: str = "3"
    requirements: tuple[str, ...] | None = None  # files; None: the first that is found
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    install: bool = False  # the project itself, into its virtualenv
    services: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of services; secrets are encrypted
    processes: Mapping[str, Any] = field(default_factory=dict)  # a command, or run, count and stop (workers.py)
    scale: Mapping[str, int] = field(default_factory=dict)  # how many of web and of workers, as `scale` said
    cron: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    release: tuple[str, ...] = ()
    static: Mapping[str, str] = field(default_factory=dict)
    static_before: Mapping[str, str] = field(default_factory=dict)  # what it hasn't, and the live release has
    health: str = "/"
    gate: Mapping[str, Any] = field(default_factory=dict)  # gaterule.Rule
    environ: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    tls: str = "off"  # auto: by a certificate that is asked for by ACME; internal: by one of the admin's own authority
    balancer: Mapping[str, Any] = field(default_factory=dict)  # of several web nodes; see Environment.balancing
    cdn: Mapping[str, Any] = field(default_factory=dict)  # url, bucket, uploads (cdnconfig.plain)
    src: str = "."
    package: str = ""
    caching: Mapping[str, Any] = field(default_factory=dict)
    nginx_site: Mapping[str, Any] = field(default_factory=dict)  # layout, default_server, replaces (site/layout.py)
    superusers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # passwords are encrypted
    backup: Mapping[str, Any] = field(default_factory=dict)  # backupconfig.plain; secrets are encrypted
    anonymize: Mapping[str, str] = field(default_factory=dict)  # script by service, and a command by `run`
    keep: int = 5  # releases that can be gone back to, the live one among them
    pillar: Mapping[str, Any] = field(default_factory=dict)  # keys of pillar files that are the project's own states'
    present: bool = True
    remove: tuple[str, ...] = ()  # where it isn't present, what goes: processes, source, tables, database, owner
    moved: str = ""  # where it isn't present, the address that it moved to: requests are passed on to it
    arriving: str = ""  # the node that it is on its way from: until it is here, neither workers nor cron nor backups

    @property
    def application(self) -> str:
        """Return what is served, as module:callable; empty where only data is kept."""
        return self.wsgi or self.asgi

    @property
    def static_words(self) -> list[str]:
        """Return the URLs of its static files, each with its folder after it, as scripts on the node take them."""
        return [word for pair in self.static.items() for word in pair]

    @property
    def units(self) -> tuple[str, ...]:
        """Return what runit keeps running beside web, as it is called after the instance's name: mail, mail.2 …"""
        return tuple(unit for name in self.processes for unit in self.units_of(name))

    def units_of(self, worker: str) -> list[str]:
        """Return the same of one worker."""
        return workers.units(worker, self.scale.get(worker, workers.count(self.processes[worker])))

    @property
    def user(self) -> str:
        """Return the system user that the instance runs as."""
        return f"web-{self.name}"

    @property
    def root(self) -> PurePosixPath:
        """Return the instance's folder on the node."""
        return PurePosixPath("/web") / self.name

    @property
    def balances(self) -> bool:
        """Tell whether its node leads visitors to all its web nodes."""
        return bool(self.balancer.get("here"))

    @property
    def behind(self) -> str:
        """Return the name of another node that leads visitors here, its balancer; empty where they come themselves."""
        return "" if self.balances else str(self.balancer.get("node", ""))

    @property
    def is_certified(self) -> bool:
        """Tell whether its node has a certificate of it: behind a balancer, https ends there."""
        return self.tls != "off" and not self.behind

    @property
    def scheme(self) -> str:
        """Return the protocol that visitors are meant to come by."""
        return "http" if self.tls == "off" else "https"

    @property
    def url(self) -> str:
        """Return the address that a browser opens."""
        return f"{self.scheme}://{self.domains[0]}"

    def release_folder(self, number: int) -> PurePosixPath:
        """Return the folder of one release."""
        return self.root / "releases" / str(number)

    def as_dict(self) -> dict[str, Any]:
        """Return the instance as plain JSON types, as pillar and registry hold it."""
        plain = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Instance":
        """Return the instance that `as_dict` wrote; keys of newer versions are passed over."""
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in plain.items()
            if key in cls.__dataclass_fields__
        }
        return cls(**known)
