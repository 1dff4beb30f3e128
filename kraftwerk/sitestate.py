"""How a site is, beyond that it works: what visitors meet, its processes, cron jobs, certificate and backups."""

import time
from collections.abc import Iterator
from typing import Any

from kraftwerk import cdn, screen
from kraftwerk.aspect import Aspect
from kraftwerk.health import Look, Process
from kraftwerk.instance import Instance
from kraftwerk.jobs import Run
from kraftwerk.problem import Problem

DAY = 86400
UNKNOWN: dict[str, Any] = {"traffic": None, "certificates": [], "backup": None, "cron": {}, "processes": {}}


def aspect(instance: Instance, seen: Look, *, works: bool) -> Aspect:
    """Return how a site is by a deep look at its node.

    Args:
        works: it answers now; of one that doesn't nobody needs to be told that visitors met that.
    """
    if instance.name not in seen.releases:
        return Aspect(plain=UNKNOWN)
    return Aspect(tuple(_lines(instance, seen)), tuple(_findings(instance, seen, works)), _plain(instance, seen))


def _lines(instance: Instance, seen: Look) -> Iterator[str]:
    if traffic := seen.traffic.get(instance.name):
        yield traffic.words
    processes = [_process(each, seen) for each in _processes(instance, seen)]
    if processes:
        yield " · ".join(processes)
    jobs = [f"cron {name} {run.words}{f' at {run.when}' if run.ran else ''}" for name, run in _jobs(instance, seen)]
    if jobs:
        yield " · ".join(jobs)
    if instance.cdn:
        yield f"static files by {cdn.told(instance)}"
    if instance.name in seen.certificates:
        yield _certificate(seen.certificates[instance.name], time.time())


def _processes(instance: Instance, seen: Look) -> list[Process]:
    return [each for each in seen.processes if each.instance == instance.name]


def _jobs(instance: Instance, seen: Look) -> list[tuple[str, Run]]:
    return [(name, seen.jobs.get((instance.name, name), Run())) for name in instance.cron]


def _process(process: Process, seen: Look) -> str:
    """Return for how long a process is what it is, and whether it ended by itself lately."""
    ends = seen.ends.get((process.instance, process.name))
    state = "up" if process.state == "run" else process.state
    said = f", {ends.words}" if ends else ""
    return f"{process.name} {state} {screen.duration(process.seconds)}{said}"


def _certificate(until: int, now: float) -> str:
    """Return how long a certificate holds."""
    if not until:
        return "the certificate can't be read"
    left = screen.duration(abs(until - now))
    return f"the certificate holds for {left}" if until > now else f"the certificate has ended {left} ago"


def _findings(instance: Instance, seen: Look, works: bool) -> Iterator[Problem]:
    traffic = seen.traffic.get(instance.name)
    if works and traffic and (complaint := traffic.complaint(seen.limits["errors"])):
        yield Problem("traffic", complaint, "kraftwerk logs --process web")
    until, now = seen.certificates.get(instance.name), time.time()
    if until is not None and until - now < seen.limits["certificate"] * DAY:
        yield Problem("certificate", _certificate(until, now), f"kraftwerk highstate {seen.node}")


def _plain(instance: Instance, seen: Look) -> dict[str, Any]:
    traffic, backup = seen.traffic.get(instance.name), seen.backups.get(instance.name)
    until = seen.certificates.get(instance.name)
    return {
        "traffic": traffic.as_dict() if traffic else None,
        "certificates": [] if until is None else [{"ends": until, "days": int((until - time.time()) // DAY)}],
        "backup": backup.as_dict() if backup else None,
        "cron": {name: run.as_dict() for name, run in _jobs(instance, seen)},
        "processes": {each.name: _plain_process(each, seen) for each in _processes(instance, seen)},
    }


def _plain_process(process: Process, seen: Look) -> dict[str, Any]:
    ends = seen.ends.get((process.instance, process.name))
    return {"state": process.state, "seconds": process.seconds, "ended_lately": ends.count if ends else 0}
