"""
The service memcached: a server of its own per instance, reached by a Unix socket, or one at an address in its options.

What is in it is a cache: it goes with each restart, and is never dumped. Every function takes the instance's name.
"""

import platform
import pwd
import socket
import struct
import time

__virtualname__ = "kw_memcached"
SOCKET = "/run/memcached-{}/memcached.sock"
PATIENCE = 5  # seconds


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_memcached: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about memcached: an address as Django's ``LOCATION`` and pymemcache take it.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_memcached.environ mysite
    """
    return {"MEMCACHED_URL": _address(instance)}


def health(instance):
    """
    Whether the server answers, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_memcached.health mysite
    """
    try:
        said = _stats(instance)
    except (RuntimeError, ValueError) as error:
        return {"ok": False, "detail": str(error)}
    used, limit = int(said["bytes"]) >> 20, int(said["limit_maxbytes"]) >> 20
    return {"ok": True, "detail": f"memcached answers; {used} of {limit} MB in use"}


def inspect(instance, detail=False):
    """
    What is kept now: the server's version, the size in bytes, and the count of items.

    instance
        Name of the instance.
    detail
        Also ``figures``: how often a key was found or not, and how many were thrown out for want of room. Default:
        ``False``.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_memcached.inspect mysite
    """
    said = _stats(instance)
    found = {"version": said["version"], "size": int(said["bytes"]), "counts": {"items": int(said["curr_items"])}}
    if detail:
        names = ("get_hits", "get_misses", "evictions", "limit_maxbytes")
        found["figures"] = {name: int(said[name]) for name in names}
    return found


def remnants(instance):
    """
    What is still there of an instance's data: ``tables`` (items), or nothing. The server is the states' to remove.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_memcached.remnants mysite
    """
    return ["tables"] if inspect(instance)["counts"]["items"] else []


def drop(instance, what):
    """
    Throw away what is kept.

    instance
        Name of the instance.
    what
        ``tables``, all items; ``database`` and ``owner`` have no meaning here, and do nothing.

    Returns whether there was something. Raises ``ValueError`` for another word.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_memcached.drop mysite tables
    """
    __salt__["kw_service.check_part"](what, ("tables", "database", "owner"))
    if what not in remnants(instance):
        return False
    _ask(instance, "flush_all", "OK")
    _ask(instance, "lru_crawler crawl all", "OK")  # else they are counted until somebody asks for them
    end = time.monotonic() + PATIENCE
    while remnants(instance) and time.monotonic() < end:
        time.sleep(0.05)
    return True


def _address(instance):
    """Where the server is: `unix:PATH`, or `HOST:PORT`."""
    url = __salt__["kw_service.options"](instance, "memcached").get("url")
    return (
        url.removeprefix("memcached://").rstrip("/")
        if url
        else f"unix:{SOCKET.format(__salt__['kw_name.plain'](instance))}"
    )


def _stats(instance):
    """The server's figures by name."""
    lines = _ask(instance, "stats", "END").splitlines()
    return dict(line.split(" ", 2)[1:] for line in lines if line.startswith("STAT "))


def _ask(instance, question, ending):
    """What the server answers, up to a line."""
    address = _address(instance)
    try:
        with _connected(address) as plug:
            _check_peer(plug, instance)
            plug.sendall(f"{question}\r\n".encode())
            answer = b""
            while not answer.endswith(f"{ending}\r\n".encode()):
                piece = plug.recv(65536)
                if not piece:
                    raise RuntimeError(f"{address}: {answer.decode(errors='replace').strip() or 'the server hung up'}")
                answer += piece
    except OSError as error:
        raise RuntimeError(f"{address}: {error.strerror or error}") from error
    return answer.decode(errors="replace")


def _check_peer(plug, instance):
    """Make sure that the instance's own server answers at a Unix socket: it lies where the site could put a link."""
    if plug.family == socket.AF_UNIX:
        uid = struct.unpack("3i", plug.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid != pwd.getpwnam(f"web-{instance}").pw_uid:
            raise RuntimeError(f"{plug.getpeername()}: it isn't web-{instance} who answers there")


def _connected(address):
    """A socket to the server."""
    if address.startswith("unix:"):
        plug = socket.socket(socket.AF_UNIX)
        plug.settimeout(PATIENCE)
        plug.connect(address.removeprefix("unix:"))
        return plug
    host, _, port = address.rpartition(":") if address.rpartition(":")[2].isdigit() else (address, "", 11211)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE)
