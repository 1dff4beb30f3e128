"""How an instance is on its node right now."""

from dataclasses import dataclass, field
from typing import Any

from kraftwerk import saltssh
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.node import Node
from kraftwerk.remote import script
from kraftwerk.transport import Connection

DISK_LIMIT = 90  # percent
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


def look(node: Node, instance: Instance) -> Status:
    """Look at an instance's processes, its answer, its services and the disk; what can't be reached is a check, too."""
    try:
        connection = Connection(node)
        arguments = (instance.name, instance.domains[0], instance.health, *instance.processes)
        printed = connection.script(script("status"), *arguments, timeout=30).stdout.decode(errors="replace")
        services = [_service(node, instance, name) for name in instance.services]
    except KraftwerkError as error:
        if error.code == 2:  # our own configuration is broken, not the node
            raise
        return Status(node.name, instance.name, (Check("node", error.cause, False, error.next_command),))
    web, rest = parse(printed)
    return Status(node.name, instance.name, (*web, *services, *rest))


def parse(printed: str) -> tuple[list[Check], list[Check]]:
    """Return the checks that `status.sh` printed: first processes, then disk and release."""
    facts = [line.split("\t") for line in printed.splitlines()]
    one = {fact[0]: fact[1:] for fact in facts}
    release = one.get("release", [""])[0]
    if not release:
        return [Check("web", "not deployed", False, "kraftwerk deploy")], []
    running, wanted = (int(number or 0) for number in one.get("web", ["", ""]))
    web = [Check("web", f"web {running}/{wanted}", running > 0 and running >= wanted, "kraftwerk logs --process web")]
    web += _answer(one.get("http", ["000"])[0])
    for _, name, state in (fact for fact in facts if fact[0] == "process"):
        ok = state == "run"
        web.append(Check(name, f"{name} {TICK if ok else CROSS}", ok, f"kraftwerk logs --process {name}"))
    percent = int(one.get("disk", ["0"])[0] or 0)
    full = percent >= DISK_LIMIT
    disk = Check("disk", f"disk {percent}%", not full, "kraftwerk run --as root -- du -xhd2 /web /var" if full else "")
    there = one["release"][1:] == ["there"]
    missing = "" if there else " is not there any more"
    return web, [disk, Check("release", f"release {release}{missing}", there, "kraftwerk deploy")]


def _answer(status: str) -> list[Check]:
    """Return what is wrong with the answer that nginx gave: a status, 000 for none in time, or refused."""
    if status == "refused":
        return [Check("http", "nginx does not run", False, "kraftwerk highstate")]
    if status == "000":
        return [Check("http", "does not answer", False, "kraftwerk logs --process web")]
    return [] if status[:1] in ("2", "3") else [Check("http", f"answers {status}", False, "kraftwerk logs")]


def _service(node: Node, instance: Instance, name: str) -> Check:
    try:
        health = saltssh.call(node, f"kw_{name}.health", instance.name)
    except KraftwerkError as error:
        if error.code == 2:
            raise
        health = {"ok": False, "detail": error.cause}
    ok = bool(health.get("ok"))
    text = f"{name} {TICK}" if ok else f"{name} {CROSS} {health.get('detail', '')}".rstrip()
    return Check(name, text, ok, f"kraftwerk highstate {node.name}")
