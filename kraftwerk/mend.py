"""What is done about a problem of a node without asking anybody: little, careful, and not too often."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from kraftwerk import flock, health, lock, registry, release, screen, tries
from kraftwerk.errors import KraftwerkError
from kraftwerk.health import Look
from kraftwerk.node import Node
from kraftwerk.paths import private, reactor_home
from kraftwerk.problem import Problem, found, title
from kraftwerk.remote import script
from kraftwerk.transport import Connection

HELPED = 30  # seconds within which it must show that something helped
KEEP = 2  # releases that a full disk leaves: the live one, and one to go back to
HUNG = ("answers 502", "answers 503", "answers 504", "gave no answer")  # of a site whose process may be stuck

Action = Callable[[Connection, Look, Problem], str]


def mend(node: Node, name: str) -> str:
    """Do what may help against a problem, if anything does, and return that as a sentence.

    Args:
        name: the problem's, such as service/postgres.
    """
    action = _action(Problem(name, ""))
    if action is None:
        return "kraftwerk can't mend this by itself"
    try:
        with _one_at_a_time(node):
            return _mend(Connection(node), name, action)
    except KraftwerkError as error:
        return f"kraftwerk could not mend it: {error.cause}"


def possible(name: str) -> bool:
    """Tell whether there is anything that kraftwerk does about a problem."""
    return _action(Problem(name, "")) is not None


def command(node: Node, name: str, words: str, timeout: float = 300) -> str:
    """Run a shell command of the admin's own on the node instead, as often as is allowed; return what became of it.

    Args:
        name: the problem's; words: run by sh, as root.
    """
    if over := _enough(node, name):
        return over
    try:
        done = Connection(node).run(["sh", "-c", words], timeout=timeout, check=False)
    except KraftwerkError as error:
        return f"kraftwerk could not run `{words}`: {error.cause}"
    said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()
    return f"kraftwerk ran `{words}`: exit code {done.returncode}{', ' + said[-1] if said else ''}"


def _action(problem: Problem) -> Action | None:
    if problem.kind in ("unreachable", "backup", "memory", "reboot"):
        return None
    return {"disk": _make_room, "inodes": _make_room, "process": _rerun, "site": _rerun_site}.get(
        problem.kind, _restart
    )


def _one_at_a_time(node: Node) -> AbstractContextManager[int]:
    """Let one problem of a node be mended after the other: the next one may be gone by then."""
    path = private(reactor_home()) / f"mend-{node.name}.lock"
    return flock.held(path, busy="it is at work on another problem", timeout=300)


def _mend(connection: Connection, name: str, action: Action) -> str:
    node = connection.node
    look = health.look(node)
    problem = _in(look, name)
    if problem is None:
        return "it was gone before kraftwerk did anything"
    with _lock(connection, look, problem):  # somebody who keeps it by hand costs no try
        if over := _enough(node, name):
            return over
        done = action(connection, look, problem)
        if not done:
            return "kraftwerk left it as it is: a restart mends no error of the site's own"
        still = _wait(node, name)
    if still:
        return f"kraftwerk {done}, which was not enough: {still.detail}"
    return f"kraftwerk {done}; {title(node.name, problem, gone=True)}"


def _enough(node: Node, name: str) -> str:
    """Take a try; return what to say where none is left."""
    until = tries.take(node.name, name)
    clock = time.strftime("%H:%M", time.localtime(until))
    return f"kraftwerk tried {tries.LIMIT} times within an hour and leaves it alone until {clock}" if until else ""


def _lock(connection: Connection, look: Look, problem: Problem) -> AbstractContextManager[None]:
    """Keep deploys and highstates away meanwhile; who is at work already is not disturbed."""
    if problem.kind in ("disk", "inodes"):
        return nullcontext()
    return lock.held(connection, _instance(look, problem) or "node")


def _instance(look: Look, problem: Problem) -> str:
    """Return the instance that a problem is about, or nothing."""
    if problem.kind == "site":
        return problem.subject
    return next((each.instance for each in look.processes if _named(each) == problem.name), "")


def _named(process: health.Process) -> str:
    return f"process/{process.instance}-{process.name}"


def _in(look: Look, name: str) -> Problem | None:
    return next((problem for problem in found(look) if problem.name == name), None)


def _wait(node: Node, name: str) -> Problem | None:
    """Return the problem if it is still there after a while."""
    until = time.monotonic() + HELPED
    while (problem := _in(health.look(node), name)) and time.monotonic() < until:
        time.sleep(1)
    return problem


def _restart(connection: Connection, look: Look, problem: Problem) -> str:
    unit = next(unit.unit for unit in look.units if unit.name == problem.name)
    _run(connection, "restart", unit)
    return f"restarted {unit}"


def _rerun(connection: Connection, look: Look, problem: Problem) -> str:
    service = next((each.service for each in look.processes if _named(each) == problem.name), "")
    if not service:
        raise KraftwerkError(f"{look.node} keeps no {problem.subject}")
    _run(connection, "rerun", service)
    return f"restarted {service}"


def _rerun_site(connection: Connection, look: Look, problem: Problem) -> str:
    if not any(sign in problem.detail for sign in HUNG):
        return ""
    return _rerun(connection, look, Problem(f"process/{problem.subject}-web", ""))


def _run(connection: Connection, name: str, argument: str) -> None:
    """Run a script; what fails is told by the first line that it said, which says more than the last."""
    done = connection.script(script(name), argument, timeout=90, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise KraftwerkError(f"{argument} does not start: {said[0] if said else 'it said nothing'}")


def _make_room(connection: Connection, look: Look, problem: Problem) -> str:
    """Remove what nobody misses from disks that are too full; of releases, only where that was not enough."""
    inodes = problem.name == "inodes"
    arguments = ("inodes" if inodes else "space", str(look.limits[problem.name]))
    printed = connection.script(script("room"), *arguments, timeout=300).stdout.decode(errors="replace")
    freed = {what: int(count) for what, count in (line.split("\t") for line in printed.splitlines())}
    if _in(health.look(connection.node), problem.name) and _holds_web(look, problem):
        freed |= _prune(connection)
    told = [what if inodes else f"{what} ({screen.size(count * 1024)})" for what, count in freed.items() if count > 0]
    return f"removed {', '.join(told)}" if told else "found nothing that it may remove"


def _holds_web(look: Look, problem: Problem) -> bool:
    """Tell whether a disk that is too full is the one that sites are on."""
    disks = {disk.target: disk for disk in look.disks}
    disk = disks.get("/web") or disks.get("/")
    if disk is None:
        return False
    return (disk.inodes if problem.name == "inodes" else disk.percent) >= look.limits[problem.name]


def _prune(connection: Connection) -> dict[str, int]:
    """Remove old releases, and virtualenvs that no release uses; return how many kilobytes each instance gave back."""
    freed = {}
    for instance in registry.sync(connection).values():
        try:
            with lock.held(connection, instance.name):
                history = release.read(connection, instance)
                count = release.prune(connection, instance, history, KEEP)
                what = f"{count} old releases of {instance.name}"
                freed[what] = release.read(connection, instance).room.free - history.room.free
        except KraftwerkError:
            continue  # it is being deployed just now, or its records are damaged: left alone
    return freed
