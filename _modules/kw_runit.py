"""
Services that runit supervises: /etc/sv/NAME holds one, a link in /etc/service makes it run, now and after a boot.
"""

import os
import platform
import shutil
import signal
import subprocess
import time

__virtualname__ = "kw_runit"
SERVICES = "/etc/sv"
ACTIVE = "/etc/service"
SV_TIMEOUT = "15"  # seconds that sv waits for a service to obey


def __virtual__():
    """Load on Linux only. Without runit installed there are simply no services, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_runit: runit is used on Linux nodes only"
    return __virtualname__


def get_all(runs=""):
    """
    The names of all services that exist, running or not.

    runs
        Only those whose run script contains this text, such as ``/web/mysite/exec``. Default: all.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.get_all
    """
    if not os.path.isdir(SERVICES):
        return []
    return sorted(name for name in os.listdir(SERVICES) if runs in _run_script(name))


def available(name):
    """
    Whether a service exists.

    name
        Name of the service, such as ``mysite-mail``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.available mysite-mail
    """
    return bool(_run_script(name))


def enabled(name):
    """
    Whether a service is linked into /etc/service, that is, runs now and after a boot.

    name
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.enabled mysite-mail
    """
    return os.path.lexists(os.path.join(ACTIVE, _plain(name)))


def status(name):
    """
    What a service does: ``run``, ``down``, or ``absent`` where nothing supervises it.

    name
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.status mysite-web-a
    """
    if not shutil.which("sv") or not os.path.isdir(os.path.join(SERVICES, _plain(name))):
        return "absent"
    word = _sv("status", name).stdout.split(":")[0]
    return word if word in ("run", "down", "finish") else "absent"


def start(name):
    """
    Start a service that is enabled, and wait until it is up. Returns whether it is.

    name
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.start mysite-mail
    """
    return _sv("start", name).returncode == 0


def stop(name):
    """
    Stop a service, and wait until it is down. Returns whether it is. It starts again at the next boot if enabled.

    name
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.stop mysite-mail
    """
    return _sv("stop", name).returncode == 0


def restart(name):
    """
    Stop and start a service, and wait until it is up. Returns whether it is.

    name
        Name of the service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.restart mysite-mail
    """
    return _sv("restart", name).returncode == 0


def enable(name, timeout=10):
    """
    Make a service run, now and after a boot. Returns whether it is supervised.

    name
        Name of the service.
    timeout
        Seconds to wait until runit has picked it up. Default: 10.

    Raises ``ValueError`` where there is no such service.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.enable mysite-mail
    """
    if not available(name):
        raise ValueError(f"service {name} doesn't exist: there is no {SERVICES}/{name}/run")
    link = os.path.join(ACTIVE, name)
    if not os.path.islink(link):
        os.symlink(os.path.join(SERVICES, name), link)
    return _wait(lambda: status(name) != "absent", timeout)


def disable(name, timeout=None):
    """
    Stop a service for good, supervision and log included. Returns whether it is gone.

    name
        Name of the service.
    timeout
        Seconds that it has to stop by itself before it is killed. Default: what its file ``stop`` says and five more,
        else 20.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.disable mysite-mail
    """
    timeout = _patience(name) if timeout is None else timeout
    link = os.path.join(ACTIVE, _plain(name))
    if os.path.lexists(link):
        os.unlink(link)
    if status(name) != "absent":
        _sv("exit", name)
    if not _wait(lambda: status(name) == "absent", timeout):
        _sv("kill", name)
    return _wait(lambda: status(name) == "absent", 20)


def remove(name):
    """
    Stop a service for good and delete its folder in /etc/sv. Returns whether there was one.

    name
        Name of the service.

    Raises ``RuntimeError`` where it doesn't stop.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_runit.remove mysite-mail
    """
    if not os.path.isdir(os.path.join(SERVICES, _plain(name))):
        return False
    if not disable(name):
        raise RuntimeError(f"service {name} doesn't stop")
    shutil.rmtree(os.path.join(SERVICES, name))
    return True


def _patience(name):
    """Seconds until a service is killed that was told to stop; it kills itself before that, if it has a ``stop``."""
    try:
        with open(os.path.join(SERVICES, _plain(name), "stop"), encoding="ascii") as stream:
            seconds = int(stream.read().split()[1])
    except (OSError, ValueError, IndexError):
        seconds = 0
    return seconds + 5 if seconds else 20


def _plain(name):
    """A name that is no path."""
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} is not the name of a service")
    return name


def _run_script(name):
    """The text of a service's run script; empty where there is none."""
    try:
        with open(os.path.join(SERVICES, _plain(name), "run"), encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (OSError, ValueError):
        return ""


def _sv(verb, name):
    """Call sv with the service's folder, so that one that isn't linked any more can still be reached."""
    command = ["sv", "-w", SV_TIMEOUT, verb, os.path.join(SERVICES, _plain(name))]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _wait(condition, timeout):
    """Wait for a condition, and nudge runsvdir meanwhile: left alone, it looks only every five seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        for process in _supervisors():
            os.kill(process, signal.SIGCHLD)
        time.sleep(0.1)
    return True


def _supervisors():
    """Process numbers of runsvdir."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/comm", encoding="utf-8") as stream:
                if stream.read().strip() == "runsvdir":
                    found.append(int(process))
        except OSError:
            continue
    return found
