"""What is on a node between a visitor and an answer, read in one round trip (remote/why.py)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.transport import Connection
from kraftwerk.why.case import Case

PATIENCE = 60  # seconds; an import has thirty


@dataclass(frozen=True)
class Nginx:
    """How nginx is: systemd's word for it, whether its port answers on the node, what its configuration lacks."""

    state: str
    listens: bool
    error: str
    names: tuple[str, ...]
    seconds: float

    @property
    def runs(self) -> bool:
        """Tell whether it does."""
        return self.state in ("active", "reloading")

    def knows(self, host: str) -> bool:
        """Tell whether its configuration has a site of that name."""
        beyond = host.partition(".")[2]
        return not {host, f".{host}", f"*.{beyond}", f".{beyond}"}.isdisjoint(self.names)


@dataclass(frozen=True)
class Live:
    """What is live: the release, empty where there is none; its slot; where nginx is led, and whether that is there."""

    release: str
    slot: str
    link: str
    exists: bool
    held: bool
    seconds: float


@dataclass(frozen=True)
class Gunicorn:
    """How gunicorn is in the live slot.

    Attributes:
        state: runit's word for it; wanted: whether runit shall have it run.
        up: for how many seconds; workers: how many.
        imported: where it doesn't stay up, what the application's import said (empty: all is well), and its seconds.
    """

    service: str
    state: str
    wanted: bool
    up: int
    workers: int
    imported: Mapping[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class Facts:
    """What was found on the node.

    Attributes:
        rules: the command that shows its firewall; empty where it has none.
        services: by their names what they complain of, and the seconds that it took to ask.
        log: the end of gunicorn's log.
    """

    addresses: tuple[str, ...]
    live: Live
    nginx: Nginx
    gunicorn: Gunicorn
    maintenance: Mapping[str, Any] | None = None
    services: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    rules: str = ""


def look(case: Case) -> Facts:
    """Look at the node.

    Raises:
        KraftwerkError: it can't be reached, or its answer makes no sense.
    """
    application = case.instance.application
    question = {
        "instance": case.instance.name,
        "port": case.port,
        "application": application if ":" in application else f"{application}:application",
    }
    words = ["python3", "-ISc", program("why"), json.dumps(question)]
    printed = Connection(case.node).run(words, timeout=PATIENCE).stdout
    try:
        return parse(json.loads(printed))
    except (KeyError, TypeError, ValueError) as error:
        raise KraftwerkError(f"{case.node.name} gave an answer that makes no sense: {error}") from error


def parse(found: Mapping[str, Any]) -> Facts:
    """Return the facts that the node printed."""
    nginx = {**found["nginx"], "names": tuple(found["nginx"]["names"])}
    return Facts(
        addresses=tuple(found["addresses"]),
        live=Live(**found["live"]),
        nginx=Nginx(**nginx),
        gunicorn=Gunicorn(**found["gunicorn"]),
        maintenance=found["maintenance"],
        services=found["services"],
        log=tuple(found["log"]),
        rules=found["rules"],
    )
