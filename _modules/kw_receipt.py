"""
Reads an archive that arrives on stdin, verifies every byte of it, and leaves its members for the services to load.

It may be hostile. What isn't data is known beforehand to the byte, or checked against SHA256SUMS; names of files on the
node are made of words that match a pattern. Whatever isn't right, nothing of it stays. Nothing is unpacked here.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import struct
import tarfile

__virtualname__ = "kw_receipt"
FORMAT = 2
BLOCK = tarfile.BLOCKSIZE
PIECE = 2**20
LIMIT = 2**24  # bytes of a manifest: a million tables
LARGEST = 2**60  # bytes of a member; more is no size but an attack on arithmetic
MAGIC = b"kraftwerk archive in frames, layout 2\n".ljust(BLOCK, b"\0")
MANIFEST, CHECKSUMS = "manifest.json", "SHA256SUMS"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,47}")
SHA256 = re.compile(r"[0-9a-f]{64}")
ALTERED = "the archive was altered: "


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_receipt: instances run on Linux nodes only"
    return __virtualname__


def receive(instance, token, only=None, descriptor=0):
    """
    Read an archive, verify every byte, and leave its members in ``/web/<instance>/dump/<token>/<service>/``.

    What other calls left there goes first; the caller holds the instance's lock.

    instance
        Name of the instance.
    token
        Eight to sixteen letters and digits, lower case.
    only
        Services whose members are kept; all by default. All are verified in any case.
    descriptor
        Of what is read: the archive as a file has it, or as ``kw_archive.send`` sends it.

    Returns the manifest. Raises ``RuntimeError`` where anything is wrong, ``OSError`` where the disk is full.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_receipt.receive mysite a1b2c3d4
    """
    parent = __salt__["kw_archive.folder"](instance)
    for entry in os.scandir(parent):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            shutil.rmtree(entry.path)
    folder = os.path.join(parent, __salt__["kw_name.token"](token))
    os.mkdir(folder, 0o700)
    try:
        source = _Input(descriptor)
        first = source.exactly(BLOCK)
        reader = _frames if first == MAGIC else _tar
        return reader(source, first, _Shelf(folder, only))
    except BaseException:
        shutil.rmtree(folder)
        raise


def forget(instance, token):
    """
    Remove what ``receive`` left; does nothing where that is gone.

    instance, token
        As in ``receive``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_receipt.forget mysite a1b2c3d4
    """
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(os.path.join(__salt__["kw_archive.folder"](instance), __salt__["kw_name.token"](token)))


class _Input:
    """What is read, in order, once."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def pieces(self, size):
        """Yield that many bytes, in pieces."""
        while size:
            piece = os.read(self.descriptor, min(size, PIECE))
            if not piece:
                raise RuntimeError("the archive is truncated, or the connection broke")
            size -= len(piece)
            yield piece

    def exactly(self, size):
        """Return that many bytes; few enough to be held in memory."""
        return b"".join(self.pieces(size))

    def expect(self, content, where):
        """Read what must be these very bytes."""
        if self.exactly(len(content)) != content:
            raise RuntimeError(f"{ALTERED}{where} is not as its manifest says")

    def end(self):
        """Make sure that nothing but the rest of tar's last record follows."""
        rest = b""
        while (piece := os.read(self.descriptor, PIECE)) and len(rest) <= tarfile.RECORDSIZE:
            rest += piece
        if rest.strip(b"\0") or len(rest) > tarfile.RECORDSIZE:
            raise RuntimeError("the archive holds more than its manifest says")


class _Shelf:
    """Where members are put: a folder for each service that is wanted."""

    def __init__(self, folder, only):
        self.folder, self.only = folder, only

    def wants(self, service):
        """Tell whether the members of a service are kept."""
        return self.only is None or service in self.only

    def put(self, service, name, pieces):
        """Keep a member, or read over it; returns its size and sha256."""
        digest, size = hashlib.sha256(), 0
        with self._open(service, name) as descriptor:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                while piece and descriptor is not None:
                    piece = piece[os.write(descriptor, piece) :]
        return {"name": name, "size": size, "sha256": digest.hexdigest()}

    @contextlib.contextmanager
    def _open(self, service, name):
        if not self.wants(service):
            yield None
            return
        folder = os.path.join(self.folder, service)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(os.path.join(folder, name), flags, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _tar(source, first, shelf):
    """Read an archive as a file has it: all sizes are known beforehand."""
    try:
        info = tarfile.TarInfo.frombuf(first, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeError) as error:
        raise RuntimeError("this is no kraftwerk archive") from error
    header = __salt__["kw_tar.header"]
    if not 0 < info.size <= LIMIT or info.mtime < 0 or first != header(MANIFEST, info.size, info.mtime):
        raise RuntimeError(f"this is no kraftwerk archive of layout {FORMAT}")
    content = source.exactly(info.size)
    source.expect(bytes(-info.size % BLOCK), MANIFEST)
    manifest = _manifest(content)
    wanted = [dump for dump in manifest["services"] if shelf.wants(dump["service"])]
    needed = sum(member["size"] for dump in wanted for member in dump["members"])
    __salt__["kw_archive.check_room"](shelf.folder, needed)
    for dump in manifest["services"]:
        for member in dump["members"]:
            path = f"{dump['service']}/{member['name']}"
            source.expect(header(path, member["size"], info.mtime), path)
            if shelf.put(dump["service"], member["name"], source.pieces(member["size"])) != member:
                raise RuntimeError(f"{ALTERED}the checksum of {path} is not its manifest's")
            source.expect(bytes(-member["size"] % BLOCK), path)
    sums = __salt__["kw_tar.checksums"](content, manifest)
    source.expect(header(CHECKSUMS, len(sums), info.mtime), CHECKSUMS)
    source.expect(sums + bytes(-len(sums) % BLOCK) + bytes(2 * BLOCK), CHECKSUMS)
    source.end()
    return manifest


def _frames(source, first, shelf):
    """Read an archive that is being written: what its manifest says comes last, and is compared with what came."""
    found, small = {}, {}
    while (kind := source.exactly(1)) == b"H":
        path = _path(source)
        service, _, name = path.partition("/")
        if path in (MANIFEST, CHECKSUMS):
            small[path] = b"".join(_data(source, LIMIT))
        elif path in found or not (NAME.fullmatch(service) and NAME.fullmatch(name)):
            raise RuntimeError(f"{ALTERED}{path[:100]!r} is no proper name of a member")
        else:
            found[path] = shelf.put(service, name, _data(source, LARGEST))
    if kind != b"M":
        raise RuntimeError(f"{ALTERED}the manifest is missing")
    content = source.exactly(_length(source, LIMIT))
    manifest = _manifest(content)
    said = {f"{dump['service']}/{one['name']}": one for dump in manifest["services"] for one in dump["members"]}
    if list(said.items()) != list(found.items()):
        raise RuntimeError(f"{ALTERED}the members are not those of its manifest")
    if small.get(CHECKSUMS) != __salt__["kw_tar.checksums"](content, manifest):
        raise RuntimeError(f"{ALTERED}{CHECKSUMS} is not as its manifest says")
    source.expect(b"Z" + bytes(8), "its end")
    source.end()
    return manifest


def _length(source, limit):
    length = struct.unpack(">Q", source.exactly(8))[0]
    if length > limit:
        raise RuntimeError(f"{ALTERED}a frame is too long")
    return length


def _path(source):
    """The path in a header that begins a member."""
    block = source.exactly(_length(source, BLOCK))
    return block[:100].rstrip(b"\0").decode("ascii", "replace")


def _data(source, limit):
    """Yield a member's bytes up to the frame that ends it."""
    while (kind := source.exactly(1)) == b"D":
        length = _length(source, limit)
        limit -= length
        yield from source.pieces(length)
    if kind != b"E":
        raise RuntimeError(f"{ALTERED}a member has no end")
    source.exactly(_length(source, BLOCK))


def _manifest(content):
    """The manifest, as far as paths and sizes follow from it; each service reads what concerns it."""
    try:
        manifest = json.loads(content)
        if type(manifest["format"]) is not int or manifest["format"] != FORMAT:
            raise RuntimeError(f"the archive is of layout {manifest['format']!r:.20}, not {FORMAT}")
        services = [_dump(**dump) for dump in manifest["services"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RuntimeError(f"{ALTERED}{MANIFEST} is not what it should be") from error
    if len(set(services)) != len(services) or manifest["order"] != services:
        raise RuntimeError(f"{ALTERED}{MANIFEST} does not list each service once")
    return manifest


def _dump(service, version, members, counts, consistency):
    """The name of a service, when all that the manifest says of it is of the right kind."""
    names = [member["name"] for member in members]
    for name in (service, *names):
        if not NAME.fullmatch(name):
            raise ValueError(name)
    for member in members:
        size = member["size"]
        if type(size) is not int or not 0 <= size <= LARGEST or not SHA256.fullmatch(member["sha256"]):
            raise ValueError(member)
    if len(set(names)) != len(names) or not isinstance(counts, dict):
        raise ValueError(names)
    return service
