"""
Backup points in a store: archives, cut into parts, with a small index that is written last.

Below a store's folder stand ``<instance>/<node>/<point>.json``, the index, ``<instance>/<node>/<point>/00000`` and so
on, the parts, and ``<point>.verified`` once a restore was rehearsed. A point without an index isn't one: what a killed
backup leaves is never taken for a backup. The parts together are the archive, or what ``age`` made of it::

    cat 20261120T030000/* | age --decrypt --identity key.txt | tar -x

The same file works on nodes and on the admin's computer.
"""

import contextlib
import datetime
import hashlib
import json
import os
import platform
import re
import subprocess

__virtualname__ = "kw_point"
FORMAT = 1
STAMP = "%Y%m%dT%H%M%S"
PART = 32 * 2**20  # bytes: what is sent again when a part fails
CHUNK = 2**20
NAME = re.compile(r"(?P<instance>[a-z0-9-]+)/(?P<node>[a-z0-9.-]+)/(?P<point>\d{8}T\d{6})(?P<rest>.*)")
INDEX_LIMIT = 64 * 2**20  # bytes of an index that is read
AHEAD = datetime.timedelta(days=1)  # that a node's clock may be wrong; what is of a later time no node has written


def __virtual__():
    """Load on Linux only, as all that uses it."""
    if platform.system() != "Linux":
        return False, "kw_point: backups are made on Linux only"
    return __virtualname__


def put(store, index, path, work, recipients=()):
    """
    Write an archive into a store, in parts, and then its index; return the index.

    store
        As ``kw_store`` takes it.
    index
        What is known of the point: ``instance``, ``node``, ``point`` and anything else that JSON knows.
    path
        The archive.
    work
        A folder with room for a part.
    recipients
        Public keys that it is encrypted for, by ``age``. Default: none, it isn't encrypted.

    Raises ``RuntimeError`` where a part didn't get there in full; the others are removed then, where that can be done.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.put '{"url": "local:/b"}' '{…}' /tmp/mysite.kw /tmp
    """
    parts = []
    try:
        with _encrypted(path, recipients) as stream:
            for number, part in enumerate(_cut(stream, os.path.join(work, "part"))):
                __salt__["kw_store.put"](store, f"{_folder(index)}/{number:05}", part["path"])
                parts.append({"size": part["size"], "sha256": part["sha256"]})
                __salt__["kw_call.progress"](f"upload {sum(each['size'] for each in parts) / 1e6:.0f} MB")
        encryption = {"kind": "age", "recipients": list(recipients)} if recipients else None
        whole = {**index, "format": FORMAT, "encryption": encryption, "parts": parts}
        __salt__["kw_store.write"](store, f"{_folder(index)}.json", json.dumps(whole))
    except BaseException:
        with contextlib.suppress(RuntimeError):
            discard(store, index)
        raise
    return whole


def fresh(store, instance, node, created):
    """
    The name of a new point: the second in which it was made, or the next one that no point has, not even parts of one.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    node
        Name of the node.
    created
        When it was made, in ISO 8601.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.fresh '{"url": "local:/b"}' mysite blue 2026-11-20T03:00:00+00:00
    """
    matches = map(_match, __salt__["kw_store.names"](store, f"{instance}/{node}/"))
    taken = {match["point"] for match in matches if match}
    moment = datetime.datetime.fromisoformat(created)
    while (name := moment.strftime(STAMP)) in taken:
        moment += datetime.timedelta(seconds=1)
    return name


def fetch(store, index, path):
    """
    Fetch a point's parts into a file, each compared with its sum, and return the file's size in bytes.

    store
        As ``kw_store`` takes it.
    index
        Of the point: its ``instance``, ``node`` and ``point`` at least.
    path
        The file (0600); it is what was stored: encrypted, where the point is.

    Raises ``RuntimeError`` where a part is missing or altered; the file is removed then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.fetch '{"url": "local:/b"}' '{…}' /tmp/i.kw.age
    """
    size, wanted = 0, sum(each["size"] for each in index["parts"])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces(store, index, f"{path}.part"):
                file.write(piece)
                size += len(piece)
                __salt__["kw_call.progress"](f"download {size / 1e6:.0f} of {wanted / 1e6:.0f} MB")
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        raise
    return size


def pieces(store, index, path):
    """
    Yield a point's bytes; each part is fetched and compared with its sum before any of it is handed on.

    store
        As ``kw_store`` takes it.
    index
        Of the point: its ``instance``, ``node`` and ``point`` at least.
    path
        A file for one part; removed afterwards.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.pieces '{"url": "local:/b"}' '{…}' /tmp/part
    """
    try:
        for number, part in enumerate(index["parts"]):
            name = f"{_folder(index)}/{number:05}"
            __salt__["kw_store.get"](store, name, path, limit=part["size"])
            if __salt__["kw_store.digest"](path) != part["sha256"]:
                raise RuntimeError(f"{index['point']} is damaged: {name} is not what was written there")
            with open(path, "rb") as file:
                while piece := file.read(CHUNK):
                    yield piece
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def found(store, instance, node=""):
    """
    The points of an instance, oldest first: their indexes, each with ``verified``, what is known of its last rehearsal.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    node
        Of this node only. Default: of all that have any.

    Raises ``RuntimeError`` where the store can't be read. An index that makes no sense is passed over, and one that is
    deleted just now.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.found '{"url": "local:/var/backups/kraftwerk"}' mysite
    """
    names = __salt__["kw_store.names"](store, f"{instance}/{node}/" if node else f"{instance}/")
    points = []
    for name, size in names.items():
        match = _match(name)
        if match and match["rest"] == ".json" and size <= INDEX_LIMIT:
            index = _index(_present(store, name), match)
            marker = name.removesuffix(".json") + ".verified"
            if index:
                how = _mapping(_present(store, marker)) if marker in names else None
                points.append({**index, "verified": how})
    return sorted(points, key=lambda each: (each["point"], each["node"]))


def verified(store, index, how):
    """
    Record in the store that a point was rehearsed.

    store
        As ``kw_store`` takes it.
    index
        Of the point: its ``instance``, ``node`` and ``point`` at least.
    how
        What JSON knows: when, how long it took, what was compared.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.verified '{"url": "local:/b"}' '{…}' '{"at": "2026-11-20T03:10:00+00:00"}'
    """
    __salt__["kw_store.write"](store, f"{_folder(index)}.verified", json.dumps(how))


def discard(store, index):
    """
    Delete a point: its index first, so that it is never seen by halves.

    store
        As ``kw_store`` takes it.
    index
        Of the point: its ``instance``, ``node`` and ``point`` at least.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.discard '{"url": "local:/b"}' '{"instance": "i", "node": "n", "point": "20261120T030000"}'
    """
    folder = _folder(index)
    for name in (f"{folder}.json", f"{folder}.verified"):
        __salt__["kw_store.delete"](store, name)
    for name in __salt__["kw_store.names"](store, f"{folder}/"):
        __salt__["kw_store.delete"](store, name)


def leftovers(store, instance, node=""):
    """
    What killed backups left in a store: ``{node: {point: bytes}}`` of parts that no index names.

    store
        As ``kw_store`` takes it.
    instance
        Name of the instance.
    node
        Of this node only. Default: of all that left any.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_point.leftovers '{"url": "local:/var/backups/kraftwerk"}' mysite blue
    """
    names = __salt__["kw_store.names"](store, f"{instance}/{node}/" if node else f"{instance}/")
    matches = {name: match for name in names if (match := _match(name))}
    whole = {(match["node"], match["point"]) for match in matches.values() if match["rest"] == ".json"}
    found = {}
    for name, match in matches.items():
        if match["rest"].startswith("/") and (match["node"], match["point"]) not in whole:
            sizes = found.setdefault(match["node"], {})
            sizes[match["point"]] = sizes.get(match["point"], 0) + names[name]
    return found


def _match(name):
    """What an object's name says, where it is one of ours: somebody else may write there, too."""
    match = NAME.fullmatch(name)
    try:
        moment = datetime.datetime.strptime(match["point"], STAMP) if match and ".." not in name else None
    except ValueError:
        return None
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)  # noqa: UP017 - Python 3.10
    return match if moment and moment < now + AHEAD else None


def _folder(index):
    """Where a point's parts are; its words are names, and lead nowhere else."""
    folder = f"{index['instance']}/{index['node']}/{index['point']}"
    if not NAME.fullmatch(folder) or ".." in folder:
        raise ValueError(f"{folder!r} is no point")
    return folder


def _present(store, name):
    """The bytes of an object that was there a moment ago; none where somebody has deleted it since."""
    try:
        return __salt__["kw_store.read"](store, name)
    except RuntimeError:
        if name in __salt__["kw_store.names"](store, os.path.dirname(name) + "/"):
            raise
        return b""


def _mapping(content):
    """What JSON says, if it is a mapping."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _index(content, match):
    """An index, if it makes sense and is where it belongs; somebody else may have written it."""
    try:
        index = json.loads(content)
        named = all(index[key] == match[key] for key in ("instance", "node", "point"))
        parts = [{"size": int(each["size"]), "sha256": str(each["sha256"])} for each in index["parts"]]
    except (KeyError, TypeError, ValueError):
        return None
    fits = named and index.get("format") == FORMAT and all(part["size"] >= 0 for part in parts)
    return {**index, "parts": parts} if fits else None


@contextlib.contextmanager
def _encrypted(path, recipients):
    """An archive's bytes as they are stored, as a file object."""
    with open(path, "rb") as archive:
        if not recipients:
            yield archive
            return
        words = ["age", *(word for key in recipients for word in ("--recipient", key))]
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(words, stdin=archive, stdout=pipe, stderr=pipe)
        except FileNotFoundError:
            raise RuntimeError("age isn't installed on this machine") from None
        with process:
            try:
                yield process.stdout
                said = process.stderr.read().decode(errors="replace").strip()
                if process.wait():
                    raise RuntimeError(f"age: {said.splitlines()[0] if said else 'failed'}")
            finally:
                process.kill()


def _cut(stream, path):
    """Yield parts of a stream, each as a file that is gone when the next one comes; nothing is one empty part."""
    number = 0
    try:
        while True:
            digest, size = hashlib.sha256(), 0
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                while size < PART and (piece := stream.read(min(CHUNK, PART - size))):
                    digest.update(piece)
                    size += file.write(piece)
            if not size and number:
                return
            yield {"path": path, "size": size, "sha256": digest.hexdigest()}
            number += 1
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
