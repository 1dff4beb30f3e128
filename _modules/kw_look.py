"""
What all services of an instance hold, asked at the same time, and how to open the client of one of them.
"""

import contextlib
import glob
import inspect
import json
import os
import platform
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

__virtualname__ = "kw_look"
CONSOLES = "/run/kraftwerk-console-"
OLD = 60  # seconds after which a console that was never opened is forgotten


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_look: instances run on Linux nodes only"
    return __virtualname__


def inspect_all(instance, services=None, detail=True):
    """
    What services hold now: ``version``, ``size`` in bytes, ``counts``, their ``detail``, and the ``seconds`` it took.

    instance
        Name of the instance.
    services
        Their names; all of the instance's by default.
    detail
        Ask for the largest parts, too: tables, keys by prefix, databases, folders. Default: ``True``.

    Returns ``services``, by name, with ``error`` in words where one doesn't answer; and ``dump``, what the last dump
    held, empty where there was none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_look.inspect_all mysite
    """
    names = __salt__["kw_service.names"](instance) if services is None else list(services)
    functions = {name: __salt__.get(f"kw_{name}.inspect") for name in names}  # loaded by one thread
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda name: _inspect(functions[name], instance, detail), names))
    return {"services": dict(zip(names, found, strict=True)), "dump": __salt__["kw_archive.last"](instance)}


def largest(counts, sizes, most=20):
    """
    The largest parts of a service, for the ``detail`` of its ``inspect``: a list of ``name``, ``count`` and ``size``.

    counts
        How many rows, documents or files each part has, by its name.
    sizes
        The bytes of each, by its name; one that isn't there has none.
    most
        How many are listed. Default: 20.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_look.largest '{auth_user: 3}' '{auth_user: 8192}'
    """
    names = sorted(counts, key=lambda name: (-sizes.get(name, 0), name))[:most]
    return [{"name": name, "count": counts[name], "size": sizes.get(name, 0)} for name in names]


def console(instance, service):
    """
    Prepare to open the client program of a service: write down how, for root alone, until it is opened.

    The file holds what may not be seen in a list of processes; kraftwerk/remote/console.py reads and removes it.

    instance
        Name of the instance.
    service
        Name of the service.

    Returns the path of the file. Raises ``RuntimeError`` where the service has no client of its own.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_look.console mysite postgres
    """
    function = __salt__.get(f"kw_{service}.console")
    if function is None:
        raise RuntimeError(f"{service} has no client program of its own")
    for path in glob.glob(f"{CONSOLES}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(path) > OLD:
                os.unlink(path)
    how = function(instance)
    descriptor, path = tempfile.mkstemp(prefix=os.path.basename(CONSOLES), dir=os.path.dirname(CONSOLES))  # 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(how, file)
    return path


def _inspect(function, instance, detail):
    """What one service holds, or why that can't be said."""
    began = time.monotonic()
    try:
        if function is None:
            raise RuntimeError("it has no module on this node")
        knows = "detail" in inspect.signature(function).parameters  # others' own services may not
        found = dict(function(instance, detail=True) if detail and knows else function(instance))
    except Exception as error:  # one that fails hides no other
        found = {"error": str(error).strip().splitlines()[-1] if str(error).strip() else repr(error)}
    return {**found, "seconds": round(time.monotonic() - began, 2)}
