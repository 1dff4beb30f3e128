"""Where kraftwerk's own files are: the admin's configuration, state, caches, and the shipped Salt trees."""

import hashlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SOCKET_ROOM = 80  # characters that a folder of a master's sockets may have: a socket's path ends at 107


def config_home() -> Path:
    """Return the folder of the admin's own files: KRAFTWERK_HOME, else ~/.config/kraftwerk."""
    home = os.environ.get("KRAFTWERK_HOME")
    return Path(home).expanduser().absolute() if home else _users("config")


def state_home() -> Path:
    """Return the folder of generated files and local nodes: ~/.local/state/kraftwerk, or below KRAFTWERK_HOME."""
    return config_home() / ".state" if os.environ.get("KRAFTWERK_HOME") else _users("state")


def reactor_home() -> Path:
    """Return the folder of the reactor: its Salt master, what was pushed, what happened."""
    return state_home() / "reactor"


def master_sockets(folder: Path) -> Path:
    """Return where the sockets of a Salt master are: in its folder, or in /tmp where their paths would become too long.

    It doesn't depend on the environment, which differs between a terminal, cron and systemd: all must find them.
    """
    inside = folder / "run"
    if len(str(inside)) <= SOCKET_ROOM:
        return inside
    status = private(folder).stat()
    return Path("/tmp") / f"kraftwerk-{os.getuid()}-{status.st_dev:x}-{status.st_ino:x}"  # noqa: S108 - made 0700


def cache_home() -> Path:
    """Return the folder of what can be made again, such as the base of local nodes; shared by all homes."""
    return _users("cache")


def socket_home() -> Path:
    """Return a short folder for control sockets (a socket's path may have 107 characters), one for each home."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"  # noqa: S108 - made 0700 and owned by us, see private()
    digest = hashlib.sha256(str(config_home()).encode()).hexdigest()[:8]
    return Path(runtime) / f"kraftwerk-{os.getuid()}-{digest}"


def _users(kind: str) -> Path:
    """Return the user's own folder of a kind (config, state, cache), where this system has it."""
    import platformdirs  # late: with KRAFTWERK_HOME nobody needs it

    return Path(getattr(platformdirs, f"user_{kind}_path")("kraftwerk"))


def share(*parts: str) -> Path:
    """Return a path in the shipped Salt trees, from the wheel (kraftwerk/share) or the checkout (the top level)."""
    packaged = PACKAGE / "share"
    return (packaged if packaged.is_dir() else PACKAGE.parent).joinpath(*parts)


def private(folder: Path) -> Path:
    """Make a folder that only its owner can read (0700), with its parents, and return it.

    Raises:
        PermissionError: it exists and belongs to somebody else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    if status.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def write_atomic(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
