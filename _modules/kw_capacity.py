"""
How much of a node a site takes: its gunicorn workers, whether they share what is loaded, and how long each may take.
Chosen from the node's cores and memory, each with its reason; what the project's files say wins.
"""

import platform

__virtualname__ = "kw_capacity"
EACH = 256  # megabytes of the node for each worker
SMALL = 1024  # megabytes: below that, workers share what is loaded
MOST, LEAST = 12, 2


def __virtual__():
    """Load on Linux only, as the modules that use it."""
    if platform.system() != "Linux":
        return False, "kw_capacity: instances run on Linux nodes only"
    return __virtualname__


def choose(cores, memory, given):
    """
    Choices for a site, by name (``workers``, ``preload``, ``timeout``): each a pair of the value and its reason. The
    reason is empty where the site's own files say the value.

    cores
        How many the node has.
    memory
        The node's memory in megabytes.
    given
        The site, of which ``asgi``, ``workers``, ``preload`` and ``timeout`` are read; null is not given.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_capacity.choose 2 512 '{workers: 4}'
    """
    chosen = {
        "workers": workers(cores, memory, bool(given.get("asgi"))),
        "preload": preload(memory),
        "timeout": timeout(cores, memory),
    }
    return {name: chosen[name] if given.get(name) is None else (given[name], "") for name in chosen}


def workers(cores, memory, asynchronous=False):
    """
    How many workers, and why: two for each core, or one if they are asynchronous, as far as memory goes.

    cores
        How many the node has.
    memory
        The node's memory in megabytes.
    asynchronous
        Whether one worker answers many requests at a time.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_capacity.workers 2 512
    """
    by_cores = (cores * (1 if asynchronous else 2), f"{'one' if asynchronous else 'two'} for each core, {cores}")
    by_memory = (memory // EACH, f"one for each {EACH} MB, {memory} MB")
    number, reason = min(by_cores, by_memory, (MOST, f"at most {MOST}"))
    return (number, reason) if number >= LEAST else (LEAST, f"at least {LEAST}")


def preload(memory):
    """
    Whether the application is loaded once, before there are workers, and why.

    memory
        The node's memory in megabytes.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_capacity.preload 512
    """
    if memory < SMALL:
        return True, f"{memory} MB: workers share what is loaded once"
    return False, f"{memory} MB: each worker loads by itself, so that none shares a connection"


def timeout(cores, memory):
    """
    How many seconds a worker may be busy with one request before it is killed, and why.

    cores
        How many the node has.
    memory
        The node's memory in megabytes.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_capacity.timeout 1 512
    """
    if cores < 2 or memory < SMALL:
        return 60, f"{cores} core{'' if cores == 1 else 's'}, {memory} MB: a busy small node takes its time"
    return 30, "gunicorn's own"
