"""What is wrong with a node: named, explained, and with what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass

from kraftwerk.health import Look, Process, Unit

YOUNG = 4  # seconds: a process that is this young at two looks, one after the other, doesn't stay up
LASTING = (
    "unreachable",
    "backup",
    "disk",
    "inodes",
    "memory",
    "reboot",
)  # no work of ours on a node brings these about


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a node.

    Attributes:
        name: the same for the same trouble: service/postgres, process/mysite-web, site/mysite, nginx, disk …
        detail: what was seen, in one line.
        advice: the command that tells more, or mends it.
    """

    name: str
    detail: str
    advice: str = ""

    @property
    def kind(self) -> str:
        """Return the first part of its name."""
        return self.name.partition("/")[0]

    @property
    def subject(self) -> str:
        """Return the last part of its name: a service, a process, a site."""
        return self.name.partition("/")[2] or self.name


def found(look: Look) -> list[Problem]:
    """Return what is wrong with a node that was looked at."""
    if look.unreachable:
        return [Problem("unreachable", look.unreachable, look.advice)]
    units = [_unit(look, unit) for unit in look.units if not unit.works and not unit.meant]
    processes = [_process(look, each) for each in look.processes if each.meant == "up" and _ill(each)]
    return [*units, *processes, *_sites(look), *_backups(look), *_space(look), *_memory(look), *_reboot(look)]


def on_node(look: Look, command: str) -> str:
    """Return the command that runs another as root on the node that was looked at."""
    return f"kraftwerk run --node {look.node} --as root -- {command}"


def _unit(look: Look, unit: Unit) -> Problem:
    seen = f"the unit {unit.unit} is {unit.state}"
    detail = f"{seen}, but does not work: {unit.said}" if unit.said else seen
    return Problem(unit.name, detail, on_node(look, f"systemctl status {unit.unit}"))


def _ill(process: Process) -> bool:
    return process.state != "run" or process.seconds < YOUNG


def _process(look: Look, process: Process) -> Problem:
    ends = look.ends.get((process.instance, process.name))
    if ends is not None and (ends.stopped or process.state != "run"):
        seen = ends.words
    elif process.state == "run":
        seen = "starts again and again"
    elif process.state == "down":
        seen = f"is down for {process.seconds} s"
    else:
        seen = f"is not kept by runit ({process.state})"
    folder = process.service.removeprefix(f"{process.instance}-")
    log = f"tail -n 50 /var/log/kraftwerk/{process.instance}/{folder}/current"
    detail = f"{process.name} of {process.instance} {seen}"
    return Problem(f"process/{process.instance}-{process.name}", detail, on_node(look, log))


def _sites(look: Look) -> Iterator[Problem]:
    """Yield sites that don't answer well; where nobody listens, nginx is the problem."""
    for instance, status in look.sites.items():
        log = on_node(look, f"tail -n 50 /var/log/nginx/{instance}.error.log")
        if status == "000":
            yield Problem(f"site/{instance}", f"{instance} gave no answer within 5 s", log)
        elif status != "refused" and status[:1] not in ("2", "3"):
            yield Problem(f"site/{instance}", f"{instance} answers {status}", log)


def _backups(look: Look) -> Iterator[Problem]:
    for instance, state in look.backups.items():
        if state.complaint:
            log = on_node(look, f"journalctl -n 50 -t kraftwerk-backup-{instance}")
            yield Problem(f"backup/{instance}", f"the backup of {instance} {state.complaint}", log)


def _space(look: Look) -> Iterator[Problem]:
    for name, flag in {"disk": "-h", "inodes": "--inodes"}.items():
        used = {disk.target: disk.percent if name == "disk" else disk.inodes for disk in look.disks}
        full = sorted((target for target in used if used[target] >= look.limits[name]), key=lambda each: -used[each])
        if full:
            what = "of the inodes in use" if name == "inodes" else "in use"
            detail = ", ".join(f"{target}: {used[target]}% {what}" for target in full)
            yield Problem(name, detail, on_node(look, f"du -x {flag} -d2 {full[0]}"))


def _memory(look: Look) -> Iterator[Problem]:
    total, available = look.memory
    if total and available * 100 < total * look.limits["memory"]:
        detail = f"{available // 1024} of {total // 1024} MB are left"
        yield Problem("memory", detail, on_node(look, "ps aux --sort=-rss"))


def _reboot(look: Look) -> Iterator[Problem]:
    if look.reboot is not None:
        yield Problem("reboot", f"{look.reboot or 'an upgrade'} needs it", on_node(look, "systemctl reboot"))


def held(problem: Problem, look: Look) -> bool:
    """Tell whether somebody is at work on what a problem is about, so that it means nothing for now.

    A deploy holds its instance's lock, a highstate that of the whole node.
    """
    if problem.kind in LASTING:
        return False
    theirs = {f"{each.instance}-{each.name}" for each in look.processes if each.instance in look.locks}
    return "node" in look.locks or problem.subject in theirs | look.locks


TITLES = {
    "service": "{subject} on {node} does not work",
    "process": "the process {subject} on {node} does not run",
    "site": "the site {subject} on {node} does not answer as it should",
    "backup": "the backups of {subject} on {node} don't work",
    "disk": "a disk of {node} is nearly full",
    "inodes": "a disk of {node} has hardly any inodes left",
    "memory": "{node} is short of memory",
    "reboot": "{node} wants to be rebooted",
    "unreachable": "{node} can't be reached",
}
GONE = {
    "service": "{subject} on {node} works again",
    "process": "the process {subject} on {node} runs again",
    "site": "the site {subject} on {node} answers again",
    "backup": "the backups of {subject} on {node} work again",
    "disk": "the disks of {node} have room again",
    "inodes": "the disks of {node} have inodes again",
    "memory": "{node} has memory again",
    "reboot": "{node} was rebooted",
    "unreachable": "{node} can be reached again",
}


def title(node: str, problem: Problem, *, gone: bool = False) -> str:
    """Return a problem as a sentence; `gone`, that it is over."""
    words = GONE if gone else TITLES
    return words.get(problem.kind, words["service"]).format(subject=problem.subject, node=node)
