"""How the reactor is: whether it runs, what it deploys, what became of that, and what happened last."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kraftwerk import admin, events, outbox, problem, pushdeploy, reactions, reactor, saltmaster, watch
from kraftwerk.events import Event
from kraftwerk.paths import reactor_home
from kraftwerk.reactorconfig import ReactorConfig
from kraftwerk.saltmaster import Running

EVENTS = 10  # of the last ones, how many are shown


@dataclass(frozen=True)
class Status:
    """How the reactor is.

    Attributes:
        running: None where nothing of it runs.
        processes, memory: how many, and their share of memory in bytes; 0 where /proc doesn't tell.
        webhook: whether it listens.
        hears: whether events arrive.
        deploys: the last event of each project's environments.
        waiting: how many alerts didn't reach everybody yet.
        problems: what is wrong with nodes, as far as it was told: the node's name, and what it is.
    """

    running: Running | None
    processes: int
    memory: int
    webhook: bool
    hears: bool
    config: ReactorConfig
    reactions: Mapping[str, Path]
    deploys: Mapping[str, Mapping[str, Event]]
    waiting: int
    problems: list[tuple[str, watch.Known]]
    events: list[Event]

    @property
    def ok(self) -> bool:
        """Tell whether pushes arrive and are answered."""
        return self.running is not None and self.running.whole and self.webhook and self.hears

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        config = self.config
        return {
            "running": self.ok,
            "since": self.running.since if self.running else None,
            "pid": self.running.pid if self.running else None,
            "processes": self.processes,
            "memory": self.memory,
            "ports": {"publish": config.publish_port, "return": config.return_port},
            "webhook": {"listens": self.webhook, "address": f"http://{config.listen}/push/"},
            "projects": {name: self._project(name) for name in config.projects},
            "alerts": len(config.alerts),
            "waiting": self.waiting,
            "problems": [watch.Change("raised", node, known).data for node, known in self.problems],
            "reactions": {name: str(path) for name, path in self.reactions.items()},
            "events": [event.as_dict() for event in self.events],
        }

    def _project(self, name: str) -> dict[str, Any]:
        source = self.config.projects[name]
        last = {environment: event.as_dict() for environment, event in self.deploys[name].items()}
        return {"repository": source.repository, "branches": dict(source.branches), "deploys": last}

    def lines(self) -> Iterator[str]:
        """Yield what is shown on a screen."""
        yield _row("reactor", self._running())
        listens = "" if self.webhook else "   doesn't answer"
        yield _row("webhook", f"http://{self.config.listen}/push/PROJECT{listens}")
        for name, source in self.config.projects.items():
            yield _row(name, f"{_branches(source.branches)}   {source.repository}")
            yield from (_row("", line) for event in self.deploys[name].values() for line in _deployed(event))
        yield _row("alerts", _alerts(len(self.config.alerts), self.waiting))
        told = [f"{problem.title(node, known.problem)}: {known.detail}" for node, known in self.problems]
        yield from (_row("problems" if not index else "", text) for index, text in enumerate(told))
        yield from (_row("events" if not index else "", event.line()) for index, event in enumerate(self.events))

    def _running(self) -> str:
        if self.running is None:
            return "not running"
        if not self.running.whole:
            return f"broken: its first process is gone, {self.processes} others are left"
        if not self.hears:
            return "broken: it hears no events; kraftwerk reactor start mends that"
        since = datetime.fromisoformat(self.running.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"running since {since} ({self.processes} processes, {self.memory / 1e6:.0f} MB)"


def look() -> Status:
    """Return how the reactor is now.

    Raises:
        KraftwerkError: config.yaml has mistakes (code 2).
    """
    config, running = admin.load().reactor, saltmaster.status(reactor_home())
    group = list(_group(running.pid)) if running and running.pid else []
    return Status(
        running,
        len(group),
        sum(map(_share, group)),
        running is not None and reactor.webhook_answers(),
        running is not None and saltmaster.hears(reactor_home()),
        config,
        reactor.in_force() if running else reactions.find(reactor.trees()),
        {name: _deploys(name, source.branches) for name, source in config.projects.items()},
        len(outbox.waiting()),
        watch.raised(),
        events.last(EVENTS),
    )


def _deploys(project: str, branches: Mapping[str, str]) -> dict[str, Event]:
    files = {each: pushdeploy.record_file(project, each) for each in dict.fromkeys(branches.values())}
    found = ((each, Event.parse(file.read_text())) for each, file in files.items() if file.exists())
    return {each: event for each, event in found if event}


def _group(number: int) -> Iterator[Path]:
    """Yield the folders in /proc of a process group."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == number and state != "Z":
                yield folder


def _share(folder: Path) -> int:
    """Return a process's proportional share of memory, in bytes: what is shared with others is divided by them."""
    with suppress(OSError):
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _branches(branches: Mapping[str, str]) -> str:
    return ", ".join(f"{branch} → {environment}" for branch, environment in branches.items())


def _alerts(addresses: int, waiting: int) -> str:
    if not addresses:
        return "go to nobody"
    late = (
        f"; {waiting} wait{'s' if waiting == 1 else ''} to be sent: kraftwerk reactor test tells why" if waiting else ""
    )
    return f"{addresses} address{'es' if addresses != 1 else ''}{late}"


def _deployed(event: Event) -> list[str]:
    data = event.data
    when = datetime.fromisoformat(event.time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    start = f"{data['environment']}: {data['commit'][:8]}"
    if event.tag == "failed":
        log = pushdeploy.log_file(data["project"], data["environment"])
        return [f"{start} failed at {when}: {data['reason'].splitlines()[0]}", f"all that it said: {log}"]
    return [f"{start} is live since {when}, {data['seconds']} s after it was pushed"]


def _row(name: str, text: str) -> str:
    return f"{name:<12}{text}"
