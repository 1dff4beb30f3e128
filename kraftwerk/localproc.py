"""The processes of local nodes, found by what they were started with, so that no pid file can be wrong."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from kraftwerk import privilege

POLL = 0.02  # seconds between two looks


def with_argument(argument: str) -> list[int]:
    """Return the pids of the processes that have exactly this argument."""
    wanted = argument.encode()
    return [pid for pid, arguments in _processes() if wanted in arguments[1:]]


def supervisors(root: Path) -> list[int]:
    """Return the pids of the shells that keep a node running."""
    return [pid for pid in with_argument(str(root)) if arguments_of(pid)[:1] == ["sh"]]


def containers(root: Path) -> list[int]:
    """Return the pids of the systemd-nspawn of a root (the shell that keeps it has the same argument)."""
    found = with_argument(f"--directory={root}")
    return [pid for pid in found if Path(arguments_of(pid)[0]).name == "systemd-nspawn"]


def arguments_of(pid: int) -> list[str]:
    """Return the arguments of a process; one empty word when it has gone."""
    return [word.decode(errors="replace") for word in _arguments(Path("/proc") / str(pid))] or [""]


def alive(pids: Iterable[int]) -> list[int]:
    """Return those pids that still run."""
    return [pid for pid in pids if _arguments(Path("/proc") / str(pid))]


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def signal(name: str, pids: Iterable[int]) -> None:
    """Send a signal to processes that belong to root; those that have gone don't count."""
    words = [str(pid) for pid in pids]
    if words:
        privilege.run(["kill", f"-{name}", "--", *words], check=False)


def kill(pids: Iterable[int], *, timeout: float = 10) -> None:
    """Kill processes and wait until they are gone."""
    pids = list(pids)
    signal("KILL", pids)
    wait_until(lambda: not alive(pids), timeout=timeout)


def wait_until(condition: Callable[[], bool], *, timeout: float) -> bool:
    """Wait for a condition and return whether it came true in that many seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def _processes() -> Iterable[tuple[int, list[bytes]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (arguments := _arguments(folder)):
            yield int(folder.name), arguments


def _arguments(folder: Path) -> list[bytes]:
    try:
        text = (folder / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rstrip(b"\0").split(b"\0") if text else []
