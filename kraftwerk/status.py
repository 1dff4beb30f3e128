"""How instances are on their node right now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kraftwerk import health, saltssh, service
from kraftwerk.errors import KraftwerkError
from kraftwerk.health import Look
from kraftwerk.instance import Instance
from kraftwerk.node import Node

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
    """How an instance is; ok when all its checks are."""

    node: str
    instance: str
    checks: tuple[Check, ...] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """Tell whether all is well."""
        return all(check.ok for check in self.checks)

    @property
    def next_command(self) -> str:
        """Return what to do about the first thing that isn't."""
        return next((check.next_command for check in self.checks if not check.ok and check.next_command), "")

    def line(self, named: bool = False) -> str:
        """Return it as it is printed.

        Args:
            named: say the instance's name, too.
        """
        title = f"{self.node}  {self.instance}" if named else self.node
        words = " · ".join(check.text for check in self.checks)
        return f"{title}  {TICK if self.ok else CROSS} {words}{' → ' + self.next_command if self.next_command else ''}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        checks = {check.name: {"ok": check.ok, "text": check.text} for check in self.checks}
        return {"node": self.node, "instance": self.instance, "ok": self.ok, "checks": checks}


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
        checks = [Check("web", "not deployed", False, "kraftwerk deploy")]
    else:
        services = [_service(node, instance, seen, name) for name in instance.services]
        last = [_disk(seen), _release(instance, seen), *_backup(instance, seen)]
        checks = [*_processes(instance, seen), *services, *last]
    return Status(node.name, instance.name, tuple(checks))


def _processes(instance: Instance, seen: Look) -> Iterator[Check]:
    running, wanted = seen.workers.get(instance.name, (0, 0))
    logs = "kraftwerk logs --process"
    yield Check("web", f"web {running}/{wanted}", running > 0 and running >= wanted, f"{logs} web")
    yield from _answer(seen.sites.get(instance.name, "000"))
    states = {each.name: each.state for each in seen.processes if each.instance == instance.name}
    for name in instance.processes:
        ok = states.get(name) == "run"
        yield Check(name, f"{name} {TICK if ok else CROSS}", ok, f"{logs} {name}")


def _answer(status: str) -> list[Check]:
    """Return what is wrong with the answer that nginx gave: a status, 000 for none in time, or refused."""
    if status == "refused":
        return [Check("http", "nginx does not run", False, "kraftwerk highstate")]
    if status == "000":
        return [Check("http", "does not answer", False, "kraftwerk logs --process web")]
    return [] if status[:1] in ("2", "3") else [Check("http", f"answers {status}", False, "kraftwerk logs")]


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
    return Check("release", f"release {release}{missing}", there, "kraftwerk deploy")


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
