"""A salt-master of the user's own: an ordinary process on loopback, with ports, keys and sockets of its own.

Whatever it starts holds the lock file open, so that the kernel knows whether any of it runs; no pid file can be wrong.
All of it is one process group, so that nothing is left when it stops, not even what a killed parent leaves.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import yaml

from kraftwerk import argv, flock, process, saltconf
from kraftwerk.errors import KraftwerkError
from kraftwerk.localproc import POLL, wait_until
from kraftwerk.paths import master_sockets, private, share, write_atomic

START_TIMEOUT = 30  # seconds until the sockets are there; 0.8 on a machine with nothing else to do
RECORD_TIMEOUT = 3  # seconds until who starts one has written down its number; a hundredth of one
STOP_TIMEOUT = 10  # seconds to end in order; then all are killed
OUTLIVES = {"XDG_RUNTIME_DIR": ""}  # which is removed when its user logs out, with ssh's sockets in it
KEPT_LOG = 10_000_000  # bytes of log that a start leaves there


@dataclass(frozen=True)
class Running:
    """A master that runs.

    Attributes:
        pid: of its first process, which is the number of the process group, too; 0 where nobody knows.
        since: when it was started, in UTC.
        whole: whether the first process is alive; what is left without it does nothing useful.
    """

    pid: int
    since: str
    whole: bool = True


def write(
    folder: Path,
    *,
    interface: str = "127.0.0.1",
    publish_port: int,
    return_port: int,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write the configuration of a master and return its file, `<folder>/master`.

    States, pillar and modules are those of salt-ssh, but for a project's own states: a master stands in no project.
    Keys, cache, log and sockets are its own.

    Args:
        folder: made when missing; 0700.
        interface: the address that it listens on.
        publish_port, return_port: 4505 and 4506 where a master is alone on its machine.
        extra: settings laid over, such as `reactor` and `engines`.
    """
    private(folder)
    content = saltconf.master(folder, saltconf.link_extensions(folder / "ext", share()))
    content |= {
        "id": "kraftwerk",
        "interface": interface,
        "publish_port": publish_port,
        "ret_port": return_port,
        "file_roots": saltconf.served(folder),
        # Salt takes an absolute path for one below `root_dir`, which the folder is.
        "sock_dir": os.path.relpath(private(master_sockets(folder)), folder),
        "conf_file": str(folder / "master"),
        "pidfile": str(folder / "pid"),
        "log_level_logfile": "info",
        "log_granular_levels": {"salt": "warning", "kraftwerk": "info"},
        "worker_threads": 1,
        "keep_jobs_seconds": 3600,
        "minion_data_cache": False,  # the pillar of nodes would lie there, secrets in clear
    }
    path = folder / "master"
    write_atomic(path, yaml.safe_dump({**content, **(extra or {})}, sort_keys=False))
    return path


def start(folder: Path) -> Running:
    """Start the master of a folder and return when it listens; what a killed one left is ended before.

    Raises:
        KraftwerkError: it runs already, or it doesn't come up, with the last line of its log.
    """
    _end_remains(folder)
    old_umask = os.umask(0o077)
    try:
        with _lock(folder) as descriptor, (folder / "console").open("wb") as console:
            _prepare(folder)
            running = process.popen(
                argv.salt_master(folder),
                stdout=console,
                stderr=console,
                env=OUTLIVES,
                cwd=Path("/"),
                detach=True,
                keep=(descriptor,),
            )
            since = _record(folder, running.pid)
    finally:
        os.umask(old_umask)
    wait_until(lambda: answers(folder) or running.poll() is not None, timeout=START_TIMEOUT)
    started = Running(running.pid, since)
    if running.poll() is not None or not answers(folder):
        _end(folder, started)
        _tidy(folder)
        cause = f"the Salt master doesn't come up: {_last_words(folder)}"
        raise KraftwerkError(cause, next_command=f"less {log_file(folder)}")
    return started


def run(folder: Path) -> NoReturn:
    """Become the master of a folder, for systemd or runit; what a killed one left is ended before.

    Raises:
        KraftwerkError: it runs already.
    """
    _end_remains(folder)
    os.umask(0o077)
    with _lock(folder) as descriptor:
        os.set_inheritable(descriptor, True)
        if os.getpgrp() != os.getpid():
            os.setpgid(0, 0)
        _prepare(folder)
        _record(folder, os.getpid())
        process.replace(argv.salt_master(folder))


def stop(folder: Path) -> bool:
    """End all processes of a master and remove its sockets; return whether there was any.

    Raises:
        KraftwerkError: one of them doesn't end.
    """
    there = status(folder)
    if there:
        _end(folder, there)
    _tidy(folder)
    return there is not None


def status(folder: Path) -> Running | None:
    """Return the master that runs in a folder, None when nothing of it does."""
    deadline = time.monotonic() + RECORD_TIMEOUT
    # Who has just taken the lock writes down in a moment who he is: he is at work, and nothing that a killed one left.
    while (there := _look(folder)) and not there.pid and time.monotonic() < deadline:
        time.sleep(POLL)
    return there


def answers(folder: Path) -> bool:
    """Tell whether the master's event bus and both ports take connections."""
    content = yaml.safe_load((folder / "master").read_text())
    ports = [(content["interface"], content[key]) for key in ("publish_port", "ret_port")]
    return hears(folder) and all(map(_connects, ports))


def hears(folder: Path) -> bool:
    """Tell whether the master's event bus takes connections; Salt can't start that anew when its process was killed."""
    return all(_connects(master_sockets(folder) / f"master_event_{way}.ipc") for way in ("pub", "pull"))


def log_file(folder: Path) -> Path:
    """Return the path of the log; 0600."""
    return folder / "log"


def trim(folder: Path) -> None:
    """Begin the log anew when it has become long; the old one stays beside it, and a master that runs follows."""
    with suppress(FileNotFoundError):
        if log_file(folder).stat().st_size > KEPT_LOG:
            log_file(folder).replace(folder / "log.old")


def _connects(address: Path | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(address) if isinstance(address, Path) else address) == 0


def _lock(folder: Path) -> AbstractContextManager[int]:
    busy = f"the Salt master of {folder} runs already"
    return flock.held(private(folder) / "lock", busy=busy, timeout=1)


def _look(folder: Path) -> Running | None:
    if not flock.is_held(folder / "lock"):
        return None
    found = _recorded(folder)
    return Running(found["pid"], found["since"], found["pid"] > 0 and _alive(found["pid"]))


def _end_remains(folder: Path) -> None:
    """End what a killed master left; what others start meanwhile is theirs."""
    there = status(folder)
    if there and not there.whole:
        _end(folder, there)


def _end(folder: Path, seen: Running) -> None:
    """End the processes of a master that was seen, and of no other that has taken its place since."""

    def gone() -> bool:
        there = status(folder)
        return there is None or there.pid != seen.pid

    if not seen.pid:
        raise _nameless(folder)
    _signal(seen.pid, signal.SIGTERM)
    if not wait_until(gone, timeout=STOP_TIMEOUT):
        _signal(seen.pid, signal.SIGKILL)
    if not wait_until(gone, timeout=STOP_TIMEOUT):
        raise _nameless(folder)


def _tidy(folder: Path) -> None:
    """Remove what a master left, unless somebody has started another one meanwhile."""
    with suppress(KraftwerkError), _lock(folder):
        _clean(folder)


def _prepare(folder: Path) -> None:
    """Forget who held the lock before; remove his sockets; make a log that is for the owner only."""
    (folder / "running").unlink(missing_ok=True)
    _clean(folder)
    trim(folder)
    log_file(folder).touch(mode=0o600)


def _record(folder: Path, pid: int) -> str:
    """Write down who holds the lock; return since when."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    write_atomic(folder / "running", json.dumps({"pid": pid, "since": since}))
    return since


def _recorded(folder: Path) -> dict[str, Any]:
    """Return who holds the lock; nobody's number where a start was killed before it wrote it down."""
    try:
        found: dict[str, Any] = json.loads((folder / "running").read_text())
        return found
    except (FileNotFoundError, ValueError):
        return {"pid": 0, "since": ""}


def _nameless(folder: Path) -> KraftwerkError:
    cause = f"a process of the Salt master of {folder} doesn't end"
    return KraftwerkError(cause, next_command=f"fuser -v {folder}/lock names it, fuser -k {folder}/lock kills it")


def _clean(folder: Path) -> None:
    """Remove sockets that nobody listens on: each costs salt-cloud seconds of trying."""
    for stale in master_sockets(folder).glob("*.ipc"):
        stale.unlink(missing_ok=True)


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _alive(pid: int) -> bool:
    """Tell whether a process runs; a dead one that nobody has buried yet doesn't. A group's number isn't reused."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def _last_words(folder: Path) -> str:
    """Return the last line of what the master said before it ended."""
    for path in (folder / "console", log_file(folder)):
        lines = path.read_text(errors="replace").split("\n") if path.exists() else []
        if told := [line.strip() for line in lines if line.strip()]:
            return told[-1]
    return "it said nothing"
