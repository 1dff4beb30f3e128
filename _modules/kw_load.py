"""
Loading archived data into an instance, service by service: laid beside the present data, then swapped in.

For kraftwerk's ``load``, ``copy`` and ``backup restore``. Each service's own module does the work: ``prepare``,
``activate`` and ``discard``. A service that has none of them is loaded in one piece by its ``load``.
"""

import contextlib
import json
import os
import platform
import shlex
import signal
import subprocess

__virtualname__ = "kw_load"
LOCK = 10  # the descriptor of the lock on swaps; 9 is what health.sh takes for a colleague's
WAIT = 60  # seconds for another's swap, which takes much less
LAST_LINES = 5  # of a command that failed
# What variables are changed comes on stdin: no process list shows it. `exec` has read the instance's own by then.
CHANGED = 'eval "$(cat)"; exec sh -c "$1" </dev/null 2>&1'


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_load: instances run on Linux nodes only"
    return __virtualname__


def inspect(instance, services):
    """
    What services hold now, of those that have data to be dumped: a cache is left out.

    instance
        Name of the instance.
    services
        Their names.

    Returns by name what the service's own ``inspect`` says: ``version``, ``size`` in bytes and ``counts``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.inspect mysite '[postgres, files]'
    """
    return {service: __salt__[f"kw_{service}.inspect"](instance) for service in services if _has_data(service)}


def prepare(instance, service, source, token):
    """
    Lay archived data of a service beside its present data, which is untouched.

    instance
        Name of the instance.
    service
        Name of the service: ``postgres``.
    source
        Folder on the node that holds the service's members.
    token
        What this load is called: letters and digits. What loads with other tokens left behind is removed.

    Returns ``counts`` of what lies there and ``environ``, the variables that lead to it; or None where the service
    can't do this, and nothing was done. Raises ``RuntimeError`` where it fails.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.prepare mysite postgres /web/mysite/dump/0f9a8b7c6d5e/postgres 0f9a8b7c6d5e
    """
    if f"kw_{service}.prepare" not in __salt__:
        return None
    with _swapping(instance):
        return __salt__[f"kw_{service}.prepare"](instance, source, token)


def activate(instance, token, services):
    """
    Swap prepared data in, of one service after the other.

    Once begun it goes on to its end, whatever becomes of who asked for it: between two services it would leave new
    rows beside old files. One that fails is tried once more, which is harmless where it had been done.

    instance
        Name of the instance.
    token
        As it was given to ``prepare``.
    services
        Their names, in their order.

    Returns ``activated``, a list of those whose data is the new one, and ``error``, why the next one's is not.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.activate mysite 0f9a8b7c6d5e '[postgres, files]'
    """
    with _swapping(instance):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            _finish(writing, instance, token, services)
        os.close(writing)
        with open(reading, "rb") as stream:
            answer = json.loads(stream.read() or "null")
        os.waitpid(child, 0)
    if answer is None:
        raise RuntimeError("the process that swaps the data was killed")
    return answer


def discard(instance, token, services):
    """
    Remove what a load leaves: data that was prepared and not swapped in, and the members that it came from.

    instance
        Name of the instance.
    token
        As it was given to ``prepare``.
    services
        Their names.

    Returns what could not be removed, in words; the next load removes that.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.discard mysite 0f9a8b7c6d5e '[postgres, files]'
    """
    failed = []
    with _swapping(instance):
        for service in services:
            if f"kw_{service}.discard" in __salt__:
                failed += _tried(service, __salt__[f"kw_{service}.discard"], instance, token)
    return failed + _tried("members", __salt__["kw_archive.forget"], instance, token)


def watch(instance, token, services):
    """
    Remove what a load has prepared if its caller dies: what isn't anonymized yet shall not lie there. For kraftwerk.

    instance, token, services
        As for ``discard``.

    It reads stdin to its end; where a word came before that, all is well. Returns what ``discard`` does, or nothing.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.watch mysite 0f9a8b7c6d5e '[postgres, files]'
    """
    said = b""
    while piece := os.read(0, 100):
        said += piece
    if said:
        return []
    with __salt__["kw_lock.held"](instance, "the end of a load that was killed", wait=WAIT):
        return discard(instance, token, services)


def run(instance, command, environ, hidden):
    """
    Run a command of the project on prepared data: as its user, in its live release, with its environment.

    instance
        Name of the instance.
    command
        What a shell runs.
    environ
        Variables that lead to the prepared data, from ``prepare``.
    hidden
        Services whose present data it must not reach: they are not loaded, and their variables are taken away.

    Returns what it printed last. Raises ``RuntimeError`` with that where it fails.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_load.run mysite 'python manage.py anonymize' '{DATABASE_URL: postgresql://…}' '[redis]'
    """
    away = [service for service in hidden if _has_data(service)]
    names = {name for service in away for name in __salt__[f"kw_{service}.environ"](instance)}
    changed = [f"unset {name}" for name in sorted(names - set(environ))]
    changed += [f"export {name}={shlex.quote(value)}" for name, value in environ.items()]
    user = f"web-{instance}"
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", f"/web/{instance}/exec"]
    words = [*become, "sh", "-c", CHANGED, "sh", command]
    done = subprocess.run(words, input="\n".join(changed).encode(), capture_output=True, cwd="/", check=False)
    lines = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    if done.returncode:
        raise RuntimeError("\n".join([f"the command failed with exit code {done.returncode}", *lines]))
    return "\n".join(lines)


def _has_data(service):
    """Whether a service is dumped. Nothing is known of one that has no module here."""
    if f"kw_{service}.inspect" not in __salt__:
        raise RuntimeError(f"there is no module kw_{service} on this node")
    return f"kw_{service}.dump" in __salt__


def _swapping(instance):
    """A lock that a swap holds to its end, so that nobody takes away what it is about to swap in."""
    return __salt__["kw_lock.held"](f"{instance}.swap", "a load", wait=WAIT, descriptor=LOCK)


def _finish(writing, instance, token, services):
    """Swap, in a process of its own that nobody ends, and end it; the answer goes into a pipe."""
    answer = b"null"
    try:
        os.setsid()  # out of reach of what ends us when our caller is gone
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        answer = json.dumps(_activate(instance, token, services)).encode()
    finally:
        with contextlib.suppress(OSError):  # nobody may be left to read it
            os.write(writing, answer)
        os._exit(0)


def _activate(instance, token, services):
    """Swap one after the other, up to one that fails twice."""
    activated = []
    for service in services:
        function = __salt__[f"kw_{service}.activate"]
        failed = _tried(service, function, instance, token)
        if failed and _tried(service, function, instance, token):
            return {"activated": activated, "error": failed[0]}
        activated.append(service)
    return {"activated": activated, "error": None}


def _tried(service, function, *arguments):
    """Call a function; return why it failed, as a list of one, or an empty one."""
    try:
        function(*arguments)
    except Exception as error:
        return [f"{service}: {error}"]
    return []
