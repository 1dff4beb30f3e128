"""How instances are on their node right now."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kraftwerk import beside, health, lock, nodestate, saltssh, service, sitestate
from kraftwerk.aspect import Aspect
from kraftwerk.errors import KraftwerkError
from kraftwerk.health import Look
from kraftwerk.instance import Instance
from kraftwerk.jobs import Run
from kraftwerk.node import Node
from kraftwerk.problem import Problem
from kraftwerk.release import Release

TICK, CROSS = "✓", "✗"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what is printed of it, and whether it is as it should be."""

    name: str
    text: str
    ok: bool = True
    next_command: str = ""


@dataclass(frozen=True)
class Status:
    """How an instance is; ok when all its checks are, and nothing else was found, of the site or of its node.

    Attributes:
        checks: what its line tells; site, machine: what is told below it, of the site and of its node.
    """

    node: str
    instance: str
    checks: tuple[Check, ...] = field(default_factory=tuple)
    release: Release | None = None
    site: Aspect = field(default_factory=lambda: Aspect(plain=sitestate.UNKNOWN))
    machine: Aspect = field(default_factory=Aspect)

    @property
    def ok(self) -> bool:
        """Tell whether all is well."""
        return all(check.ok for check in self.checks) and not self.site.findings and not self.machine.findings

    @property
    def next_command(self) -> str:
        """Return what to do about the first check that failed."""
        return next((check.next_command for check in self.checks if not check.ok and check.next_command), "")

    @property
    def findings(self) -> list[Problem]:
        """Return all that is wrong, each with what to do about it."""
        failed = [Problem(check.name, check.text, check.next_command) for check in self.checks if not check.ok]
        return [*failed, *self.site.findings, *self.machine.findings]

    def line(self, named: bool = False) -> str:
        """Return it as it is printed.

        Args:
            named: say the instance's name, too.
        """
        title = f"{self.node}  {self.instance}" if named else self.node
        words = " · ".join(check.text for check in self.checks)
        return f"{title}  {TICK if self.ok else CROSS} {words}{' → ' + self.next_command if self.next_command else ''}"

    def below(self, whole: bool = False) -> list[str]:
        """Return what is printed below its line: what else is wrong with the site, and what to do about it.

        Args:
            whole: what there is to say of the site, too.
        """
        failed = {check.name: check for check in self.checks if not check.ok and check.next_command}
        if "web" in failed:  # a site without its processes doesn't answer
            failed.pop("http", None)
        others = [each for each in failed.values() if each.next_command != self.next_command]
        told = [f"{'' if CROSS in each.text else CROSS + ' '}{each.text} → {each.next_command}" for each in others]
        return [*(self.site.lines if whole else ()), *told, *map(_told, self.site.findings)]

    def of_machine(self, whole: bool = False) -> list[str]:
        """Return the same of its node."""
        return [*(self.machine.lines if whole else ()), *map(_told, self.machine.findings)]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        checks = {check.name: {"ok": check.ok, "text": check.text} for check in self.checks}
        live = self.release or Release(0)
        version = {"release": live.number, "version": live.version, "content": live.content}
        found = {"node": self.node, "instance": self.instance, "ok": self.ok, **version, "checks": checks}
        findings = [{"name": each.name, "text": each.detail, "next": each.advice} for each in self.findings]
        return {**found, "findings": findings, **self.site.plain, "machine": self.machine.plain or None}


def _told(problem: Problem) -> str:
    return f"{CROSS} {problem.detail} → {problem.advice}"


def look(node: Node, instances: Sequence[Instance]) -> list[Status]:
    """Look at instances on their node; what can't be reached is a check, too.

    Raises:
        KraftwerkError: our own configuration is broken, not the node (code 2).
    """
    seen = health.look(node, deep=True)
    return [judge(node, instance, seen) for instance in instances]


def judge(node: Node, instance: Instance, seen: Look) -> Status:
    """Return how an instance is by a deep look at its node."""
    if seen.unreachable:
        checks = [Check("node", seen.unreachable, False, seen.advice)]
    elif instance.name not in seen.releases:
        checks = [Check("web", "not deployed", False, "kraftwerk deploy"), *_kept(instance, seen)]
    else:
        services = [_service(node, instance, seen, name) for name in instance.services]
        last = [_disk(seen), _release(instance, seen), *_backup(instance, seen)]
        checks = [*_processes(instance, seen), *services, *last, *_kept(instance, seen)]
    failed = {check.name for check in checks if not check.ok}
    site = sitestate.aspect(instance, seen, works=not failed & {"web", "http"})
    machine = _besides(nodestate.aspect(seen), failed)
    return Status(node.name, instance.name, tuple(checks), seen.records.get(instance.name), site, machine)


def _besides(machine: Aspect, failed: set[str]) -> Aspect:
    """Return how a node is without what checks of its site tell already: a service or nginx that doesn't work."""
    told = failed | ({"nginx"} if "http" in failed else set())
    return replace(machine, findings=tuple(each for each in machine.findings if each.subject not in told))


def _processes(instance: Instance, seen: Look) -> Iterator[Check]:
    running, wanted = seen.workers.get(instance.name, (0, 0))
    logs = "kraftwerk logs --process"
    yield Check("web", f"web {running}/{wanted}", running > 0 and running >= wanted, f"{logs} web")
    yield from _answer(seen.sites.get(instance.name, "000"))
    if instance.name in seen.maintenance:
        yield _maintenance(*seen.maintenance[instance.name])
    yield from _balancer(instance, seen)
    yield from (_worker(instance, seen, name) for name in instance.processes)
    yield from _cron(instance, seen)


def _balancer(instance: Instance, seen: Look) -> Iterator[Check]:
    """Yield which node leads visitors here; or to which others this one does, and who of them doesn't answer."""
    if instance.behind:
        yield Check("balancer", f"behind {instance.behind}")
    if led := seen.led.get(instance.name):
        silent = [each for each in led if not each.works]
        words = ", ".join(f"{each.node} {'out' if each.out else TICK if each.works else CROSS}" for each in led)
        then = f"kraftwerk why --node {silent[0].node}" if silent else ""
        yield Check("balancer", f"balances {words}", not silent, then)


def _worker(instance: Instance, seen: Look, name: str) -> Check:
    """Return how a worker is: that it runs, or of several how many do; and what one that doesn't stay up said last."""
    units = instance.units_of(name)
    states = {each.name: each.state for each in seen.processes if each.instance == instance.name}
    running = sum(states.get(unit) == "run" for unit in units)
    ends = [seen.ends[instance.name, unit] for unit in units if (instance.name, unit) in seen.ends]
    bad = [each for each in ends if each.stopped or each.count > 1]
    ok = running == len(units) and not bad
    title = name if units == [name] else f"{name} {running}/{len(units)}"
    text = f"{title} {TICK if ok else CROSS}{' ' + bad[0].words if bad else ''}"
    then = f"kraftwerk restart {name}" if any(each.stopped for each in bad) else ""
    release = seen.records.get(instance.name, Release(0))
    if not ok and name in beside.others(release.beside, instance):  # after a rollback, for example
        text, then = f"{text}, and not as release {release.number} had it", "kraftwerk deploy"
    return Check(name, text, ok, ", then ".join(filter(None, [f"kraftwerk logs --process {name}", then])))


def _cron(instance: Instance, seen: Look) -> Iterator[Check]:
    """Yield how cron jobs are: those whose last run failed; where none did, that all are well."""
    if not instance.cron:
        return
    runs = {name: seen.jobs.get((instance.name, name), Run()) for name in instance.cron}
    failed = {name: run for name, run in runs.items() if run.failed}
    for name, run in failed.items():
        text = f"cron {name} {CROSS} {run.words} at {run.when}"
        yield Check(f"cron.{name}", text, False, f"kraftwerk logs --process cron.{name}")
    if not failed:
        running = [name for name, run in runs.items() if run.running]
        yield Check("cron", f"cron {len(runs)} {TICK}{' (' + ', '.join(running) + ' running)' if running else ''}")


def _answer(status: str) -> list[Check]:
    """Return what is wrong with the answer that nginx gave: a status, 000 for none in time, or refused."""
    if status == "refused":
        return [Check("http", "nginx does not run", False, "kraftwerk highstate")]
    if status == "000":
        return [Check("http", "does not answer", False, "kraftwerk logs --process web")]
    return [] if status[:1] in ("2", "3") else [Check("http", f"answers {status}", False, "kraftwerk logs")]


def _maintenance(since: int, message: str) -> Check:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
    words = f": {message}" if message else ""
    return Check("maintenance", f"maintenance since {when}{words} (kraftwerk maintenance off)")


def _disk(seen: Look) -> Check:
    """Return how full the disk of the sites is; where another one is too full, that one."""
    disks = {disk.target: disk.percent for disk in seen.disks}
    target = "/web" if "/web" in disks else "/"
    if disks.get(target, 0) < seen.limits["disk"]:
        target = max(disks, key=lambda each: (disks[each] >= seen.limits["disk"], each == target), default=target)
    percent = disks.get(target, 0)
    full = percent >= seen.limits["disk"]
    where = f" of {target}" if target not in ("/", "/web") else ""
    return Check(
        "disk", f"disk{where} {percent}%", not full, "kraftwerk run --as root -- du -xhd2 /web /var" if full else ""
    )


def _release(instance: Instance, seen: Look) -> Check:
    release, there = seen.releases[instance.name]
    missing = "" if there else " is not there any more"
    record = seen.records.get(instance.name)
    if there and record and record.cut_off and instance.name not in seen.locks:
        text = f"release {release} {CROSS} what made it live was cut off after the switch: workers may run other code"
        return Check("release", text, False, "kraftwerk deploy")
    return Check("release", f"release {release}{missing}", there, "kraftwerk deploy")


def _kept(instance: Instance, seen: Look) -> Iterator[Check]:
    """Yield locks that somebody keeps by hand, the site's or the node's: nothing is wrong, but it may be forgotten."""
    for name in (instance.name, lock.NODE):
        if name in seen.by_hand:
            how = f"kraftwerk unlock {seen.node} --name {name}"
            text = f"{lock.title(seen.node, name)} is locked by {seen.by_hand[name].words} ({how})"
            yield Check("lock.node" if name == lock.NODE else "lock", text)


def _backup(instance: Instance, seen: Look) -> Iterator[Check]:
    """Yield how its backups are; of a node that was converged by an older kraftwerk nothing is known."""
    state = seen.backups.get(instance.name)
    if state is not None and state.complaint:
        yield Check("backup", f"backup {CROSS} {state.complaint}", False, "kraftwerk backup")
    elif state is not None:
        never = "no backups yet → kraftwerk backup schedule"
        yield Check("backup", f"backup {state.text}" if state.text else never)


def _service(node: Node, instance: Instance, seen: Look, name: str) -> Check:
    """Return how a service is, and where it lives; one whose folder of states names no check is asked by Salt."""
    said = seen.checks[instance.name, name] if (instance.name, name) in seen.checks else _asked(node, instance, name)
    title = f"{name} {service.where(instance, name)}".rstrip()
    text = f"{title} {CROSS} {said}".rstrip() if said else f"{title} {TICK}"
    home = service.places(instance.options).get(name, node.name)
    return Check(name, text, not said, f"kraftwerk highstate {home}")


def _asked(node: Node, instance: Instance, name: str) -> str:
    """Return what a service complains of, by the function `health` of its module."""
    try:
        answer = saltssh.call(node, f"kw_{name}.health", instance.name)
    except KraftwerkError as error:
        if error.code == 2:  # our own configuration is broken, not the node
            raise
        return error.cause
    return "" if answer.get("ok") else str(answer.get("detail") or "does not work")
