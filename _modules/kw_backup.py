"""
Backups of an instance, made on its node: by cron, with nothing of kraftwerk's there but these modules, or when asked.

What is to be done stands in ``/etc/kraftwerk/backup/<instance>.json`` (root only; it opens the store). What became of
it stands in ``/var/lib/kraftwerk/backups/<instance>.json``, which a look at the node's health reads. Errors are
``RuntimeError`` in plain words; none of them, and nothing else here, holds credentials.
"""

import contextlib
import datetime
import json
import os
import platform
import shutil
import time

__virtualname__ = "kw_backup"
RECORDS = "/var/lib/kraftwerk/backups"
PATIENCE = 6 * 3600  # seconds that cron's backup waits for somebody who works on the instance
VERIFIED_EVERY = {"daily": 1, "weekly": 7, "monthly": 28}  # days


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_backup: instances run on Linux nodes only"
    return __virtualname__


def scheduled(instance):
    """
    What cron does: make a backup, prune, and rehearse a restore where one is due.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.scheduled mysite
    """
    made = create(instance, wait=PATIENCE, owner="cron")
    prune(instance, wait=PATIENCE)
    every = VERIFIED_EVERY.get(_settings(instance)["verify"])
    last = record(instance).get("sums" if made["encrypted"] else "verify", {})
    if every and (not last.get("ok") or _age(last["at"]) > (every - 0.5) * 86400):
        verify(instance, made["point"], wait=PATIENCE)
    return made


def create(instance, wait=60, owner="kraftwerk backup", kraftwerk="unknown"):
    """
    Make a backup point: an archive, encrypted where there are recipients, in the store, read back.

    instance
        Name of the instance.
    wait
        Seconds to wait for somebody else who works on it. Default: 60.
    owner
        Who does this, for others who find it locked.
    kraftwerk
        The version that asks for it, for the manifest.

    Returns the point: ``point``, ``size`` of the archive, ``stored`` bytes, ``seconds``, ``services`` with counts.
    Raises ``RuntimeError`` where anything fails; that is recorded, and nothing of the point can be seen.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.create mysite
    """
    settings, start = _settings(instance), time.monotonic()
    with _alone(instance, wait) as work, _recorded(instance, "failure", wait):
        path = os.path.join(work, "archive.kw")
        __salt__["kw_prune.clear"](settings["store"], settings["instance"], settings["node"])
        with __salt__["kw_lock.held"](instance, owner, wait=wait):
            done = __salt__["kw_archive.create"](instance, path, node=settings["node"], kraftwerk=kraftwerk)
        index = _index(settings, done)
        whole = __salt__["kw_point.put"](settings["store"], index, path, work, settings["recipients"])
        stored = sum(part["size"] for part in whole["parts"])
        made = {key: index[key] for key in ("point", "created", "services")}
        made |= {"size": done["size"], "stored": stored, "seconds": round(time.monotonic() - start, 1)}
        made |= {"encrypted": bool(settings["recipients"]), "store": settings["store"]["url"]}
        _write(instance, {"success": {**made, "at": _now()}, "failure": None})
    return made


def prune(instance, test=False, wait=60):
    """
    Delete the points that the policy doesn't keep, and what killed backups left longer than a day ago.

    instance
        Name of the instance.
    test
        Only say what would go. Default: ``False``.
    wait
        Seconds to wait for another backup or rehearsal of the instance. Default: 60.

    Returns the plan, as ``kw_prune.plan`` does.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.prune mysite test=True
    """
    settings = _settings(instance)
    mine = settings["store"], settings["instance"], settings["keep"], settings["node"]
    if test:
        return __salt__["kw_prune.plan"](*mine)
    with _alone(instance, wait), _recorded(instance, "prune", wait):
        plan = __salt__["kw_prune.plan"](*mine)
        __salt__["kw_prune.carry_out"](settings["store"], plan)
        _write(instance, {"prune": None})
        return plan


def found(instance):
    """
    The points of an instance in its store, oldest first, without the sums of their parts.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.found mysite
    """
    settings = _settings(instance)
    points = __salt__["kw_point.found"](settings["store"], settings["instance"])
    return [
        {**each, "parts": len(each["parts"]), "stored": sum(part["size"] for part in each["parts"])} for each in points
    ]


def verify(instance, point="", wait=60):
    """
    Rehearse a restore: fetch a point, check every sum, lay it beside the present data, compare the counts, remove it.

    instance
        Name of the instance.
    point
        Its name. Default: the newest of this node.
    wait
        Seconds to wait for somebody else who works on the instance. Default: 60.

    Of an encrypted point, which this node can't read, only the sums are checked. Returns ``point``, ``kind``
    (``restore`` or ``checksums``), ``checked`` (phrases), ``seconds`` and ``at``. Raises ``RuntimeError`` where it
    fails, which is recorded.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.verify mysite
    """
    settings, start = _settings(instance), time.monotonic()
    with _alone(instance, wait) as work, _recorded(instance, "sums" if settings["recipients"] else "verify", wait):
        index = _chosen(settings, point)
        path = os.path.join(work, "fetched")
        __salt__["kw_archive.check_room"](work, sum(part["size"] for part in index["parts"]))
        size = __salt__["kw_point.fetch"](settings["store"], index, path)
        parts = len(index["parts"])
        checked = [f"{size:,} bytes in {parts} part{'s' if parts != 1 else ''}, as they were written"]
        if not index["encryption"]:
            with __salt__["kw_lock.held"](instance, "backup verify", wait=wait), open(path, "rb") as archive:
                checked += __salt__["kw_rehearsal.run"](instance, archive.fileno())
        kind = "checksums" if index["encryption"] else "restore"
        how = {"point": index["point"], "kind": kind, "checked": checked, "seconds": round(time.monotonic() - start, 1)}
        return proven(instance, how)


def send(instance, point):
    """
    Write a point to stdout as it is stored, for kraftwerk; not for the command line.

    instance
        Name of the instance.
    point
        Its name.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.send mysite 20261120T030000
    """
    settings = _settings(instance)
    index = _chosen(settings, point)
    with _alone(instance, 0) as work:
        for piece in __salt__["kw_point.pieces"](settings["store"], index, os.path.join(work, "part")):
            while piece:
                piece = piece[os.write(1, piece) :]


def proven(instance, how):
    """
    Record that a point was rehearsed: on this node, and beside the point in its store.

    instance
        Name of the instance.
    how
        ``point``, ``kind``, ``checked`` and ``seconds``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.proven mysite '{"point": "20261120T030000", "kind": "restore", "checked": [], "seconds": 60}'
    """
    settings, how = _settings(instance), {**how, "at": _now(), "ok": True}
    _write(instance, {"sums" if how["kind"] == "checksums" else "verify": how})
    named = {"instance": settings["instance"], "node": settings["node"], "point": how["point"]}
    __salt__["kw_point.verified"](settings["store"], named, how)
    return how


def record(instance):
    """
    What became of the last backup, of what followed it, and of rehearsals: ``success``, ``failure``, ``prune``,
    ``verify`` (a restore) and ``sums`` (of an encrypted point, which can't be restored here); ``running`` meanwhile.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_backup.record mysite
    """
    try:
        with open(os.path.join(RECORDS, f"{instance}.json"), encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return {}


def _settings(instance):
    return __salt__["kw_backupconfig.read"](instance)


def _index(settings, done):
    """What the index of a point says besides its parts."""
    manifest = done["manifest"]
    services = [{key: each[key] for key in ("service", "version", "counts")} for each in manifest["services"]]
    for each, dump in zip(services, manifest["services"], strict=True):
        each["counts"] = {key: value for key, value in each["counts"].items() if isinstance(value, int)}
        each["size"] = sum(member["size"] for member in dump["members"])
    named = {key: manifest[key] for key in ("project", "environment", "instance", "created", "release", "kraftwerk")}
    archive = {"size": done["size"], "sha256": done["sha256"]}
    point = __salt__["kw_point.fresh"](settings["store"], settings["instance"], settings["node"], manifest["created"])
    return {**named, "node": settings["node"], "point": point, "archive": archive, "services": services}


def _chosen(settings, point):
    points = __salt__["kw_point.found"](settings["store"], settings["instance"], settings["node"])
    wanted = [each for each in points if not point or each["point"] == point]
    if not wanted:
        raise RuntimeError(f"there is no point {point}" if point else "there is no point yet")
    return wanted[-1]


@contextlib.contextmanager
def _alone(instance, wait):
    """A folder to work in, for one backup, prune or rehearsal of an instance at a time; empty, whatever was killed."""
    work = os.path.join(__salt__["kw_archive.folder"](instance), ".backup")
    with __salt__["kw_lock.held"](f"{instance}.backup", "another backup", wait=wait, descriptor=20):
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work, 0o700)
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _recorded(instance, key, wait=PATIENCE):
    """Record why something failed, unless it just would not wait; what is killed leaves the mark of its beginning."""
    _write(instance, {"running": {"what": key, "at": _now(), "pid": os.getpid()}})
    try:
        yield
    except BaseException as error:
        failed = {"at": _now(), "ok": False, "cause": (str(error) or type(error).__name__)[:500]}
        impatient = getattr(error, "busy", False) and wait < PATIENCE
        _write(instance, {"running": None} if impatient else {key: failed, "running": None})
        raise
    _write(instance, {"running": None})


def _write(instance, changes):
    """Change some keys of an instance's record."""
    found = {key: value for key, value in {**record(instance), **changes}.items() if value}
    __salt__["kw_textfile.replace"](os.path.join(RECORDS, f"{instance}.json"), json.dumps(found))


def _now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")  # noqa: UP017 - Python 3.10


def _age(time_text):
    """Seconds since a time that ``_now`` wrote."""
    return time.time() - datetime.datetime.fromisoformat(time_text).timestamp()
