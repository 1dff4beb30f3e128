"""
The service redis: a server of its own per instance, or keys in one that it shares with others, as its options say.

Its own server (``kw_redis_server``) is reached by a Unix socket that only the instance's user may enter. With ``url``
among the options the data is in the server at that address: one database there, or the keys with a ``prefix`` in it.
Every function takes the instance's name. Errors are raised as ``RuntimeError`` with the server's words.
"""

import json
import os
import platform
import secrets
import shlex
import subprocess
import threading

__virtualname__ = "kw_redis"
MEMBER, NOTE = "redis.rdb.zst", "redis.json"
PARTS = ("tables", "database", "owner", "clients")
PATIENCE = 5  # seconds that a healthy server answers within
PIECE = 2**20
WEIGHED = 100_000  # keys whose memory is asked for, at most; beyond that each second, third … one


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_redis: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about redis.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.environ mysite
    """
    return _place(instance).environ()


def health(instance):
    """
    Whether the instance's own user gets an answer, and the server can write, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.health mysite
    """
    try:
        place = _place(instance)
        if place.own:
            command = ["redis-cli", "-s", place.socket(), "ping"]
            options = {"user": f"web-{instance}", "capture_output": True, "text": True, "timeout": PATIENCE}
            said = subprocess.run(command, check=False, **options)
            if said.stdout.strip() != "PONG":
                raise RuntimeError(f"{place.socket()}: {(said.stderr + said.stdout).strip() or 'no answer'}")
        with place.connect(PATIENCE) as client:
            saved = client.info("persistence")
            memory = int(client.info("memory")["used_memory"])
    except subprocess.TimeoutExpired:
        return {"ok": False, "detail": f"{place.socket()}: no answer for {PATIENCE} seconds"}
    except (RuntimeError, ValueError, OSError, LookupError) as error:
        return {"ok": False, "detail": str(error)}
    failed = [name for name in ("rdb_last_bgsave_status", "aof_last_write_status") if saved.get(name, "ok") != "ok"]
    if place.own and failed:
        return {"ok": False, "detail": "redis can't write its data to disk, and takes no more changes"}
    return {"ok": True, "detail": f"redis answers; {memory >> 20} MB of memory in use"}


def inspect(instance, detail=False):
    """
    What is there now: the server's version, the size in bytes of memory, and counts of keys.

    instance
        Name of the instance.
    detail
        Also ``detail`` with ``keys`` by the first part of their names, and the ``largest`` keys. Where there are many,
        sizes are estimated, and the first entry says so. Default: ``False``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.inspect mysite detail=True
    """
    place = _place(instance)
    with place.connect() as client:
        counts = place.counts(client)
        # Redis 7.0 can't read what 7.2 wrote: the second number counts, too.
        found = {"version": client.version(), "numbers": 2, "counts": counts}
        sample = 1 + counts["keys"] // WEIGHED
        groups = None
        if detail or not place.own:
            groups = place.groups(client, sample)
        found["size"] = int(client.info("memory")["used_memory"]) if place.own else groups["size"]
    if detail:
        found["largest"] = groups["largest"]
        estimated = [{"name": f"(sizes: from 1 key in {sample})", "count": None, "size": None}] if sample > 1 else []
        found["detail"] = {"keys": [*estimated, *groups["keys"]]}
    return found


def missing(instance):
    """
    What the instance's own server lacks, as ``kw_redis_server.missing`` says.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.missing mysite
    """
    place = _place(instance, server=True)
    return __salt__["kw_redis_server.missing"](instance, place.settings(), place.options) if place.own else []


def create(instance):
    """
    Have the instance's own server run with its settings, and start at boot.

    instance
        Name of the instance.

    Returns what was missing. Raises ``RuntimeError`` with the server's words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.create mysite
    """
    place = _place(instance, server=True)
    return __salt__["kw_redis_server.create"](instance, place.settings(), place.options) if place.own else []


def url(instance, host, password):
    """
    Where another node finds the instance's keys.

    instance
        Name of the instance.
    host, password
        The host of their node as it stands in a URL, and the password among the service's options.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.url mysite 192.0.2.7 hush  # not of use there
    """
    return __salt__["kw_redis_network.url"](instance, host, password)


def dump(instance, target):
    """
    Dump the keys as redis' own snapshot, RDB: one point in time, streamed out of the server's memory.

    instance
        Name of the instance.
    target
        Folder that the members are written into, or the stream of an archive.

    A server that hands nobody a snapshot is read key by key. Returns ``version``, ``members``, ``counts`` and
    ``consistency``. Raises ``RuntimeError`` with the server's words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.dump mysite /web/mysite/dump/20261120T1012
    """
    place = _place(instance)
    narrow = {} if place.own else {"db": place.db, "prefix": place.prefix}
    writing = __salt__["kw_member.writing"]
    with place.connect() as client, writing(target, MEMBER) as member:
        version, consistency = client.version(), "one RDB snapshot"
        pieces = client.snapshot(direct=place.own)
        if pieces is None and not place.own:
            consistency, narrow = "each key as it was read", {}
            pieces = __salt__["kw_redis_keys.snapshot"](client.again(), place.prefix)
        if pieces is None:
            raise RuntimeError(f"{client.name()}: the server hands out no snapshot")
        found = _packed(member, lambda write: __salt__["kw_rdb.walk"](lambda: next(pieces, b""), write, **narrow))
        members = [member.describe()]
    with writing(target, NOTE) as member:
        member.write(json.dumps({"prefix": place.prefix.decode()}).encode())
        members.append(member.describe())
    return {"version": version, "members": members, "counts": found["counts"], "consistency": consistency}


def prepare(instance, source, token):
    """
    Load dumped keys beside the present ones: into a second server, or in a shared one under a prefix of their own.

    instance
        Name of the instance; it needn't be the one that was dumped. A prefix of the keys becomes this one's.
    source
        Folder on the node that holds the members.
    token
        8 to 16 small letters and digits that name this load.

    Returns the ``counts``, the ``environ`` that addresses the loaded keys, and ``notes``, lines on what a server that
    is shared can't have. Raises ``RuntimeError`` where the archive is damaged, the server older than the one that was
    dumped, or memory short. The present data stays as it is.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.prepare mysite /web/mysite/dump/20261120T1012 0123456789ab
    """
    place = _place(instance, token)
    discard(instance, token)
    try:
        with __salt__["kw_member.reading"](source, MEMBER) as stream:
            counts, notes = place.load(lambda: os.read(stream.fileno(), PIECE), _note(source))
    except BaseException:
        discard(instance, token)
        raise
    return {"counts": counts, "environ": place.environ(), "notes": notes}


def activate(instance, token):
    """
    Have prepared keys take the place of the present ones. A second call does nothing.

    instance, token
        As ``prepare`` was given them.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.activate mysite 0123456789ab
    """
    _place(instance, token).activate()


def discard(instance, token):
    """
    Remove what loads have prepared.

    instance, token
        As ``prepare`` was given them; what other loads left behind goes, too.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.discard mysite 0123456789ab
    """
    _place(instance, token).discard()


def load(instance, source):
    """
    Replace the keys by dumped ones: ``prepare`` and ``activate`` in one go.

    instance, source
        As for ``prepare``.

    Returns the counts of the new keys.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.load mysite /web/mysite/dump/20261120T1012
    """
    token = secrets.token_hex(6)
    found = prepare(instance, source, token)
    activate(instance, token)
    return found["counts"]


def script(instance, token, text):
    """
    Give commands to prepared data, one a line, such as ``DEL {prefix}carts``. Lines that begin with ``#`` are left out.

    instance, token
        As ``prepare`` was given them.
    text
        The commands; ``{prefix}`` in them is what the names of the prepared keys begin with.

    Returns how many there were. Raises ``RuntimeError`` with the number of the line that failed; in a server that is
    shared, also for a command whose keys aren't among the prepared ones.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.script mysite 0123456789ab 'DEL {prefix}carts'
    """
    place, number = _place(instance, token), 0
    with place.connect() as client:
        for at, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                words = shlex.split(line.replace("{prefix}", place.shown().decode()))
                place.guard(client, words)
                client.call(*words)
            except (RuntimeError, ValueError) as error:
                raise RuntimeError(f"line {at}: {error}") from error
            number += 1
    return number


def console(instance):
    """
    How to start redis-cli on the instance's data: ``argv``, ``environ`` and ``user``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.console mysite
    """
    return {**_place(instance).console(), "user": f"web-{instance}"}


def remnants(instance):
    """
    What is there of an instance: ``tables`` (keys), ``database`` (a server), ``clients`` (others than options say).

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.remnants mysite
    """
    return _place(instance, server=True).remnants() + ["clients"] * ("clients" in missing(instance))


def drop(instance, what):
    """
    Delete data of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` (all its keys), ``database`` (its server), ``clients`` (shuts others out); ``owner`` means nothing.

    Returns whether there was something. Raises ``ValueError`` for another word, ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis.drop mysite database
    """
    __salt__["kw_service.check_part"](what, PARTS)
    if what not in remnants(instance):
        return False
    if what == "clients":
        return bool(create(instance))
    place = _place(instance, server=True)
    place.discard()
    if what == "tables":
        place.empty()
    else:
        __salt__["kw_redis_server.remove"](instance)
    return True


def _place(instance, token="", server=False):
    """Where the instance's keys are, or those of a load, or its own server as a whole."""
    return __salt__["kw_redis_place.of"](instance, token, server)


def _packed(member, feed):
    """What a function returns that writes a snapshot; it goes through zstd into a member."""
    read_end, write_end = os.pipe()
    found = []

    def work():
        try:
            with os.fdopen(write_end, "wb", buffering=PIECE) as stream:
                found.append(feed(stream.write))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with os.fdopen(read_end, "rb", buffering=0) as stream:
        member.run("zstd", stdin=stream)
    thread.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _note(source):
    """What a dump says of itself beside the snapshot; one made by hand needn't."""
    return json.loads(__salt__["kw_textfile.content"](os.path.join(source, NOTE)) or "{}")
