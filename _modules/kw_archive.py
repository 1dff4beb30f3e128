"""
All data of an instance as one archive: an uncompressed tar, written here in one pass, by one writer.

``manifest.json`` comes first, padded with blanks; then ``<service>/<member>`` for each service; ``SHA256SUMS`` last.
``kw_tar`` writes it, ``kw_receipt`` reads it on a node.
"""

import contextlib
import json
import os
import platform
import shutil
import tempfile
import time
from datetime import UTC, datetime

__virtualname__ = "kw_archive"
FORMAT = 2
BLOCK = 512  # bytes, as tar counts
LAST = "files"  # dumped after the databases, so that no row names a missing file
ROOT, REGISTRY, RECORDS = "/web", "/var/lib/kraftwerk/instances", "/var/lib/kraftwerk/dumps"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_archive: instances run on Linux nodes only"
    return __virtualname__


def create(instance, path=None, node=None, kraftwerk="unknown", frozen=False, only=None):
    """
    Write an archive on the node. It appears under its name when it is complete.

    instance
        Name of the instance.
    path
        Of the archive; by default ``/web/<instance>/dump/<instance>-<node>-<time>.kw``.
    node
        What the manifest calls this node; its hostname by default.
    kraftwerk
        The version that asks for it, for the manifest.
    frozen
        Whether the caller holds whoever writes, for the manifest.
    only
        Services that it shall hold; all by default.

    Returns ``path``, ``size``, ``sha256``, ``manifest``, ``skipped`` (services that are a cache only) and ``seconds``.
    Raises ``RuntimeError`` where a service fails or there is no room.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.create mysite
    """
    node = node or os.uname().nodename
    if path is None:
        path = os.path.join(folder(instance), f"{instance}-{node}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.kw")
    if os.path.exists(path):
        raise RuntimeError(f"{path} exists already")
    check_room(os.path.dirname(path), estimate(instance, only))
    # One name for each instance: the leftover of a killed dump is overwritten by the next one.
    part = os.path.join(os.path.dirname(path), f".{instance}.kw.part")
    try:
        with open(part, "wb+", buffering=0, opener=_private) as file:
            done = _build(instance, "kw_tar.file", file.fileno(), node, kraftwerk, frozen, only)
        os.rename(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)
    digest = __salt__["kw_member.describe"](path)["sha256"]
    return {**done, "path": path, "size": os.path.getsize(path), "sha256": digest}


def send(instance, node=None, kraftwerk="unknown", frozen=False, only=None, frames=True, descriptor=1):
    """
    Write an archive to stdout, for kraftwerk; not for the command line.

    instance, node, kraftwerk, frozen
        As in ``create``.
    only
        Services that it shall hold; all by default.
    frames
        Whether it goes to another node. Else it is to become a file, and ``incoming.complete`` makes it whole.
    descriptor
        What it is written to.

    Returns ``skipped``, ``seconds``, ``manifest`` and ``reserved``, the bytes held free for that. Raises
    ``RuntimeError`` where a service fails.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.send mysite
    """
    kind = "kw_tar.frames" if frames else "kw_tar.stream"
    return _build(instance, kind, descriptor, node or os.uname().nodename, kraftwerk, frozen, only)


def receive(instance, token, only=None):
    """
    Read an archive from stdin, verify every byte, and leave its members in ``/web/<instance>/dump/<token>/<service>/``.

    instance, token, only
        As in ``kw_receipt.receive``, which it is.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.receive mysite a1b2c3d4
    """
    return __salt__["kw_receipt.receive"](instance, token, only=only)


def forget(instance, token):
    """
    Remove what ``receive`` left.

    instance, token
        As in ``receive``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.forget mysite a1b2c3d4
    """
    return __salt__["kw_receipt.forget"](instance, token)


def estimate(instance, only=None):
    """
    How many bytes an archive will have, about: as many as the last one, else what the services hold.

    instance
        Name of the instance.
    only
        Services that it shall hold; all by default, of which alone the last one tells.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.estimate mysite
    """
    known = last(instance).get("size")
    if known is not None and only is None:
        return known
    services = [service for service in _services(instance)[0] if only is None or service in only]
    sizes = {service: __salt__[f"kw_{service}.inspect"](instance)["size"] for service in services}
    # Uploads hardly shrink; databases do, to a quarter at least: their text is compressed, their indexes left out.
    return sum(size if service == LAST else size // 4 for service, size in sizes.items())


def last(instance):
    """
    What the last dump was like: when it was ``created``, its ``size`` in bytes, and the ``services`` with their counts.

    instance
        Name of the instance. Nothing is known where there was none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.last mysite
    """
    try:
        return json.loads(__salt__["kw_textfile.content"](os.path.join(RECORDS, f"{instance}.json")) or "{}")
    except ValueError:
        return {}


def folder(instance):
    """
    Where dumps are kept on the node; made if it isn't there.

    instance
        Name of the instance. Raises ``ValueError`` where it is none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.folder mysite
    """
    path = os.path.join(ROOT, __salt__["kw_name.plain"](instance), "dump")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


def check_room(path, needed):
    """
    Raise ``RuntimeError`` where less than that is free in a folder.

    path
        The folder.
    needed
        In bytes.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_archive.check_room /web 1000000
    """
    free = shutil.disk_usage(path).free
    if free < needed:
        raise RuntimeError(f"no room: about {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free in {path}")


class _Target:
    """What a service's ``dump`` gets: ``kw_member`` writes members into the archive by it.

    For a module that takes it for a folder's path it becomes one, whose files go into the archive afterwards.
    """

    def __init__(self, tar, service, scratch):
        self.tar, self.service, self.scratch, self.written, self.path = tar, service, scratch, [], None

    @contextlib.contextmanager
    def member(self, name):
        """Begin a member; yields what takes its bytes."""
        self.written.append(name)
        with self.tar.member(f"{self.service}/{name}") as write:
            yield write

    def __fspath__(self):
        """Return the path of the folder that this is to modules which want one."""
        if self.path is None:
            self.path = tempfile.mkdtemp(prefix=f".dump-{self.service}-", dir=self.scratch)
        return self.path

    __str__ = __fspath__

    def collect(self, members):
        """The members that the module names, in their order in the archive; those in the folder are brought in."""
        if self.path is not None:
            for described in members:
                if described["name"] not in self.written:
                    self._copy(described["name"])
            shutil.rmtree(self.path)
        by_name = {described["name"]: described for described in members}
        if sorted(by_name) != sorted(self.written):
            raise RuntimeError(f"kw_{self.service}.dump names {sorted(by_name)} and wrote {sorted(self.written)}")
        return [{key: by_name[name][key] for key in ("name", "size", "sha256")} for name in self.written]

    def _copy(self, name):
        with open(os.path.join(self.path, name), "rb", buffering=0) as stream, self.member(name) as write:
            while piece := stream.read(2**20):
                while piece:
                    piece = piece[write(piece) :]


def _build(instance, kind, descriptor, node, kraftwerk, frozen, only=None):
    """Dump services by a writer of that kind, and keep a record of it where it is all of them."""
    start, created = time.monotonic(), datetime.now(UTC).replace(microsecond=0)
    known = _registered(instance)
    scratch = folder(instance)
    _clear(scratch)
    services, skipped = _services(instance)
    if only is not None:
        services = [service for service in services if service in only]
    tar = __salt__[kind](descriptor, int(created.timestamp()), 2 * last(instance).get("manifest", 0))
    dumps = [_dump(tar, instance, service, scratch) for service in services]
    manifest = {
        "format": FORMAT, "kraftwerk": kraftwerk, "project": known["project"], "environment": known["environment"],
        "instance": instance, "node": node, "release": _release(instance), "created": created.isoformat(),
        "order": services, "services": dumps, "frozen": frozen,
    }  # fmt: skip
    length = tar.finish(manifest)
    seconds = round(time.monotonic() - start, 3)
    if only is None:
        _record(instance, manifest, length, tar.reserved)
    return {"manifest": manifest, "skipped": skipped, "seconds": seconds, "reserved": tar.reserved}


def _dump(tar, instance, service, scratch):
    """Dump one service, and return what the manifest says of it."""
    __salt__["kw_call.progress"](service)
    start, target = time.monotonic(), _Target(tar, service, scratch)
    answer = __salt__[f"kw_{service}.dump"](instance, target)
    dump = {
        "service": service, "version": answer["version"], "members": target.collect(answer["members"]),
        "counts": answer["counts"], "consistency": answer.get("consistency", ""),
    }  # fmt: skip
    __salt__["kw_call.report"]({"seconds": round(time.monotonic() - start, 3), **dump})
    return dump


def _services(instance):
    """The services of an instance: those to dump, in their order, and those that are a cache only."""
    wanted = sorted(_registered(instance)["services"], key=lambda service: service == LAST)
    dumped = [service for service in wanted if f"kw_{service}.dump" in __salt__]
    skipped = [service for service in wanted if service not in dumped]
    for service in skipped:
        if f"kw_{service}.health" not in __salt__:
            raise RuntimeError(f"there is no module kw_{service} on this node")
    return dumped, skipped


def _clear(scratch):
    """Remove what killed dumps left."""
    for entry in os.scandir(scratch):
        if entry.name.startswith(".dump-") and entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)


def _registered(instance):
    """What the node's registry says of an instance."""
    try:
        with open(os.path.join(REGISTRY, f"{instance}.json")) as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{instance} is not deployed on this node") from error


def _release(instance):
    """The number of the live release, None before the first."""
    link = os.path.join(ROOT, instance, "current")
    number = os.path.basename(os.readlink(link)) if os.path.islink(link) else ""
    return int(number) if number.isdecimal() else None


def _record(instance, manifest, length, reserved):
    """Keep what the last dump was like: for the next one, and for what ``inspect`` says of growth."""
    sizes = {dump["service"]: sum(member["size"] for member in dump["members"]) for dump in manifest["services"]}
    counts = {dump["service"]: dump["counts"] for dump in manifest["services"]}
    services = {service: {"size": sizes[service], "counts": counts[service]} for service in sizes}
    size = _size(manifest, max(length, reserved))
    record = {"created": manifest["created"], "size": size, "manifest": length}
    path = os.path.join(RECORDS, f"{instance}.json")
    __salt__["kw_textfile.replace"](path, json.dumps({**record, "services": services}))


def _size(manifest, room):
    """The bytes of an archive: of each file in it a header, and its own in whole blocks; two empty ones end it."""
    sizes = [member["size"] for dump in manifest["services"] for member in dump["members"]]
    sizes += [room, len(__salt__["kw_tar.checksums"](b"", manifest))]
    return sum(BLOCK + size + -size % BLOCK for size in sizes) + 2 * BLOCK


def _private(path, flags):
    """Open a file as root's alone."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
