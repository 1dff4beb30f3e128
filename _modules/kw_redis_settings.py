"""
The settings of a project's own redis server: what options make of them, and how they change while it runs.
"""

import os
import platform
import time

__virtualname__ = "kw_redis_settings"
SAVES = "3600 1 300 100 60 10000"
AT_START = ("databases",)  # settings that a running server can't change
EMPTY = '""'
SIZES = {"kb": 2**10, "mb": 2**20, "gb": 2**30}


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_redis_settings: instances run on Linux nodes only"
    return __virtualname__


def follow(options):
    """
    The settings of redis that follow from an instance's options.

    options
        ``maxmemory`` (``256mb``, ``25%`` of the node's, 0 for no limit), ``eviction``, ``appendonly``, ``databases``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_settings.follow '{"maxmemory": "256mb"}'
    """
    kept = options["appendonly"] != "no"
    return {
        "databases": str(options["databases"]),
        "maxmemory": str(_bytes(options["maxmemory"])),
        "maxmemory-policy": options["eviction"],
        "appendonly": "yes" if kept else "no",
        "save": "" if kept else SAVES,
        # A dump is streamed out of memory, at once.
        "repl-diskless-sync": "yes",
        "repl-diskless-sync-delay": "0",
    }


def apply(client, wanted):
    """
    Change a running server's settings. Returns whether it takes a restart for the rest of them.

    client
        A connection of ``kw_redis_wire`` to it.
    wanted
        The settings.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_settings.apply  # not of use there
    """
    changes = different(client, wanted)
    kept = changes.pop("appendonly", None)
    if kept == "yes":
        client.call("CONFIG", "SET", "appendonly", "yes")
        _wait(client, "aof_rewrite_in_progress", "aof_rewrite_scheduled", status="aof_last_bgrewrite_status")
    elif kept == "no":
        client.call("CONFIG", "SET", "save", wanted["save"])
        client.call("BGSAVE", "SCHEDULE")
        _wait(client, "rdb_bgsave_in_progress", "aof_rewrite_in_progress", status="rdb_last_bgsave_status")
        client.call("CONFIG", "SET", "appendonly", "no")
    for name, value in changes.items():
        if name not in AT_START:
            client.call("CONFIG", "SET", name, value)
    return any(name in AT_START for name in changes)


def different(client, wanted):
    """
    The settings that a running server has otherwise.

    client
        A connection of ``kw_redis_wire`` to it.
    wanted
        The settings.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_settings.different  # not of use there
    """
    answers = {name: client.call("CONFIG", "GET", name) for name in wanted}
    return {name: value for name, value in wanted.items() if answers[name][1:] != [value.encode()]}


def text(wanted, network=""):
    """
    The configuration file.

    wanted
        The settings.
    network
        Lines for clients on other nodes. Default: none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_settings.text  # not of use there
    """
    lines = [f"{name} {value or EMPTY}" for name, value in sorted(wanted.items())]
    head = ["# Written by kraftwerk: no port, a Unix socket for the site's own user.", "port 0", "unixsocketperm 770"]
    return "\n".join([*head, "dbfilename dump.rdb", *lines, network])


def _wait(client, *busy, status):
    """Wait until a server has written its data to disk."""
    while True:
        said = client.info("persistence")
        if not any(int(said[name]) for name in busy):
            break
        time.sleep(0.05)
    if said[status] != "ok":
        raise RuntimeError("redis could not write its data to disk: is it full?")


def _bytes(size):
    """A size in bytes; a share is one of the node's memory."""
    number, unit_ = size.rstrip("%kmgb"), size.lstrip("0123456789")
    if unit_ == "%":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * int(number) // 100
    return int(number) * SIZES.get(unit_, 1)
