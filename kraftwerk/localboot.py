"""Power of local nodes: boot, wait for ssh, power off."""

import socket
import time
from collections.abc import Sequence
from pathlib import Path

from kraftwerk import localargv, localproc, privilege
from kraftwerk.errors import KraftwerkError

NSPAWN = Path("/run/systemd/nspawn/propagate")
BOOT_WAIT = 2  # seconds until the shell that keeps a node running must be there
WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
WATCHES_NEEDED = 4096
SSH_WAIT = 60  # seconds until a node that booted must answer
OFF_WAIT = 40  # seconds that a node has to power off by itself
GONE_WAIT = 5  # seconds that a node's control groups may be busy with processes that are just ending
RESEND = 2  # seconds after which a node that was too young to hear it is told again


def boot(name: str, address: str, folder: Path, lowers: Sequence[Path]) -> None:
    """Start a node in the background: its root mounted over the lower folders, and started again when it reboots.

    Args:
        folder: holds upper/, work/ and root/; the console's output goes to `console` in it.
        lowers: the topmost first.
    """
    _allow_watches()
    root = folder / "root"
    options = localargv.overlay_options(lowers, folder / "upper", folder / "work")
    scope = Path("/run/systemd/system").is_dir()
    command = localargv.supervise(
        options, root, localargv.nspawn(name, address, root), group=_group_of(address), scope=scope
    )
    with (folder / "console").open("ab") as console:
        privilege.run(command, stdout=console, stderr=console)
    localproc.wait_until(lambda: bool(localproc.supervisors(root)), timeout=BOOT_WAIT)


def _allow_watches() -> None:
    """Raise the kernel's limit of inotify instances, which all nodes share: each takes about ten of the usual 128."""
    if int(WATCHES.read_text()) < WATCHES_NEEDED:
        privilege.run(["sysctl", "-q", "-w", f"fs.inotify.max_user_instances={WATCHES_NEEDED}"], check=False)


def running(folder: Path) -> bool:
    """Say whether a node runs."""
    return bool(_processes(folder))


def wait_for_ssh(name: str, address: str, folder: Path, port: int = 22) -> None:
    """Wait until a node's sshd greets.

    Raises:
        KraftwerkError: it didn't, with the last line of the node's console.
    """
    keepers = localproc.supervisors(folder / "root")
    if not localproc.wait_until(lambda: greets(address, port) or not localproc.alive(keepers), timeout=SSH_WAIT):
        raise KraftwerkError(f"{name} booted, but sshd does not answer after {SSH_WAIT} s: {_last_words(folder)}")
    if not running(folder):
        raise KraftwerkError(f"{name} did not boot: {_last_words(folder)}")


def greets(address: str, port: int = 22, timeout: float = 0.5) -> bool:
    """Say whether an sshd answers at an address."""
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def power_off(folder: Path) -> None:
    """Power a node off as its own `poweroff` does; what hasn't ended after 40 seconds is killed."""
    localproc.signal("TERM", localproc.supervisors(folder / "root"))  # or it would start a node that reboots just now
    deadline = time.monotonic() + OFF_WAIT
    while running(folder) and time.monotonic() < deadline:
        localproc.signal("TERM", localproc.containers(folder / "root"))
        localproc.wait_until(lambda: not running(folder), timeout=RESEND)
    kill(folder)


def kill(folder: Path) -> None:
    """End a node at once, as pulling the plug does.

    The init dies first: with it the kernel ends everything in the node. nspawn killed before it would leave it behind.
    """
    localproc.kill(localproc.supervisors(folder / "root"))
    containers = localproc.containers(folder / "root")
    localproc.signal("KILL", [child for pid in containers for child in localproc.children(pid)])
    localproc.wait_until(lambda: not localproc.alive(containers), timeout=5)
    localproc.kill(_processes(folder))


def remains(address: str) -> Path:
    """Return the folder that nspawn leaves behind where /run is on a disk."""
    return NSPAWN / localargv.link_of(address)


def groups(address: str) -> list[Path]:
    """Return the control groups that a node had, and leaves behind where this machine doesn't run systemd."""
    found = (Path(top, _group_of(address)) for top in localargv.CONTROL_GROUPS)
    return [path for path in found if path.is_dir()]


def forget_groups(address: str) -> None:
    """Remove a node's control groups; who was killed is in them for a moment longer than it has a command line."""

    def gone() -> bool:
        if left := groups(address):
            privilege.run(["find", *map(str, left), "-depth", "-type", "d", "-delete"], check=False)
        return not groups(address)

    localproc.wait_until(gone, timeout=GONE_WAIT)


def _group_of(address: str) -> str:
    return f"kraftwerk-{localargv.link_of(address)}"


def _processes(folder: Path) -> list[int]:
    return localproc.with_argument(f"--directory={folder / 'root'}")


def _last_words(folder: Path) -> str:
    lines = [line.strip() for line in (folder / "console").read_text(errors="replace").splitlines()]
    said = [line for line in lines if line and not line.startswith("Attempted to remove")]  # nspawn's last, always
    return said[-1] if said else "it said nothing"
