"""
The locks that kraftwerk holds over ssh (kraftwerk/lock.py), for what works on the node by itself.
"""

import contextlib
import fcntl
import json
import os
import platform
import secrets
import time

__virtualname__ = "kw_lock"
FOLDER = "/run/kraftwerk-lock"  # not in /run/lock, where anybody could have made it first, with links in it
DESCRIPTOR = 9  # as kraftwerk/lock.py has it, and kraftwerk/remote/health.sh looks for it


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_lock: instances run on Linux nodes only"
    return __virtualname__


class _Busy(RuntimeError):
    """Somebody else holds a lock."""

    busy = True


@contextlib.contextmanager
def held(name, owner, wait=0, descriptor=DESCRIPTOR):
    """
    Hold a lock in a ``with``: an instance's name. It ends with this process at the latest.

    name
        Of the lock.
    owner
        Who holds it, for others that find it taken.
    wait
        Seconds to wait for another holder, which is told once by ``kw_call.progress``. Default: none.
    descriptor
        The least number that the lock's file gets. Default: 9, where a look at the node's health finds who holds what.

    Raises ``RuntimeError`` where somebody else has it then. Not for the command line.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_lock.held mysite 'a colleague' wait=60
    """
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    path, until = os.path.join(FOLDER, name), time.monotonic() + wait
    with _opened(path, descriptor) as opened:
        if not _taken(opened, fcntl.LOCK_EX, time.monotonic()):
            __salt__["kw_call.progress"](f"waiting for {_holder(path)}")
            if not _taken(opened, fcntl.LOCK_EX, until):
                raise _Busy(f"{name} is locked by {_holder(path)}")
        _await_hold(f"{path}.hold")
        _write_down(path, opened, owner)
        yield


@contextlib.contextmanager
def _opened(path, least):
    """A lock's file, by that number, or the next that is free."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    descriptor = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, least)
    os.close(opened)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor, kind, until):
    """Take a lock, if it is free before that time."""
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
        time.sleep(0.2)


def _await_hold(path):
    """What somebody stopped who was killed is being started again; that is waited for."""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            _taken(file.fileno(), fcntl.LOCK_SH, time.monotonic() + 60)


def _write_down(path, opened, command):
    """Say who holds it, as kraftwerk/remote/lock.sh does: by what that can be seen, a ticket, and an owner."""
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    owner = {"user": "root", "host": platform.node(), "pid": os.getpid(), "command": command, "since": since}
    with open(f"{path}.owner", "w", encoding="utf-8", opener=_private) as file:
        file.write(f"{os.getpid()}/fd/{opened}\n{secrets.token_hex(8)}\n{json.dumps(owner)}\n")


def _holder(path):
    """Who wrote down that they hold it."""
    with contextlib.suppress(OSError, ValueError, LookupError), open(f"{path}.owner", encoding="utf-8") as file:
        owner = json.loads(file.read().splitlines()[2])
        return "{user}@{host} ({command}) since {since}".format(**owner)
    return "somebody"


def _private(path, flags):
    return os.open(path, flags, 0o600)
