"""
Writes the tar of an archive in one pass, into a file or into a stream of frames. For ``kw_archive``.

Known at the end only are the members' sizes and the manifest: they are written over what was held free for them. In a
file that is done in place; of a plain stream its reader makes a file, and does it there. For a reader that makes none
there are frames: after a first block that says what it is, each is a letter, the length of what follows in eight bytes,
and that. ``H`` is a tar header as yet without a size, ``D`` data, ``E`` the same header when the member is complete,
``M`` the manifest, ``Z`` the end of the archive.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import struct
import tarfile

__virtualname__ = "kw_tar"
BLOCK = tarfile.BLOCKSIZE
PIECE = 2**20
RESERVED = 2**15  # bytes that manifest.json gets at least; where it becomes larger than that, all behind it moves
SETTLED = 2**25  # bytes after which the disk is set to work, so that little is left to wait for at the end
MAGIC = b"kraftwerk archive in frames, layout 2\n".ljust(BLOCK, b"\0")
MANIFEST, CHECKSUMS = "manifest.json", "SHA256SUMS"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,47}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,47})?")


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_tar: instances run on Linux nodes only"
    return __virtualname__


def file(descriptor, mtime, room=0):
    """
    A writer of an archive into a file (see ``_Tar``); not for the command line.

    descriptor
        Of the file: open for reading and writing, and empty.
    mtime
        When the archive is made, in seconds since 1970.
    room
        Bytes to hold free for the manifest.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_tar.file 3 0
    """
    return _Tar(_File(descriptor), mtime, room)


def stream(descriptor, mtime, room=0):
    """
    A writer of an archive into a stream whose reader lays sizes and manifest over it (see ``_Tar``).

    descriptor, mtime, room
        As in ``file``, of a pipe.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_tar.stream 1 0
    """
    return _Tar(_Stream(descriptor), mtime, room)


def frames(descriptor, mtime, room=0):
    """
    A writer of an archive into a stream of frames (see ``_Tar``); not for the command line.

    descriptor, mtime, room
        As in ``file``, of a pipe.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_tar.frames 1 0
    """
    return _Tar(_Frames(descriptor), mtime, room)


def header(name, size, mtime):
    """
    The tar header of a file of root's alone; not for the command line.

    name, size, mtime
        Path in the archive, bytes, seconds since 1970.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_tar.header manifest.json 32768 0
    """
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode, info.uname, info.gname = size, mtime, 0o600, "root", "root"
    return info.tobuf(tarfile.GNU_FORMAT)  # GNU's form of the size has no limit at 8 GiB


def checksums(content, manifest):
    """
    What SHA256SUMS says of all other files of an archive; not for the command line.

    content, manifest
        Of manifest.json: its bytes, and what they mean.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_tar.checksums '' '{"services": []}'
    """
    lines = [f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n"]
    for dump in manifest["services"]:
        lines += [f"{member['sha256']}  {dump['service']}/{member['name']}\n" for member in dump["members"]]
    return "".join(lines).encode()


class _File:
    """A sink that is a file: what was held free is written over in place."""

    def __init__(self, descriptor):
        self.descriptor, self.at, self.size, self.settled = descriptor, 0, 0, 0

    def header(self, block):
        """Begin a member."""
        self.at = self.size
        self._all(block)

    def data(self, piece):
        """Append bytes; returns how many were taken."""
        written = os.write(self.descriptor, piece)
        self.size += written
        if self.size - self.settled > SETTLED:
            os.posix_fadvise(self.descriptor, self.settled, self.size - self.settled, os.POSIX_FADV_DONTNEED)
            self.settled = self.size
        return written

    def end(self, block):
        """Complete a member, whose header is known now."""
        self._all(bytes(-self.size % BLOCK))
        os.pwrite(self.descriptor, block, self.at)

    def manifest(self, block, content, reserved):
        """Write the manifest into its place; one that is larger than that moves all that stands behind it."""
        room, head = BLOCK + reserved, block + content + bytes(-len(content) % BLOCK)
        if len(head) > room:
            self._move(room, len(head) - room)
        os.pwrite(self.descriptor, head, 0)

    def finish(self):
        """End the archive, and have it on the disk."""
        os.ftruncate(self.descriptor, self.size + 2 * BLOCK)
        os.fsync(self.descriptor)

    def _all(self, piece):
        while piece:
            piece = piece[self.data(piece) :]

    def _move(self, start, distance):
        """Move what stands from an offset on towards the end, the last piece first."""
        at = self.size
        while at > start:
            begin = max(start, at - PIECE)
            os.pwrite(self.descriptor, os.pread(self.descriptor, at - begin, begin), begin + distance)
            at = begin
        self.size += distance


class _Stream(_File):
    """A sink that is a stream: whoever reads it writes over what was held free, knowing from the manifest where."""

    def data(self, piece):
        """Append bytes; returns how many were taken."""
        written = os.write(self.descriptor, piece)
        self.size += written
        return written

    def end(self, block):
        """Complete a member."""
        self._all(bytes(-self.size % BLOCK))

    def manifest(self, block, content, reserved):
        """Leave its place as it is."""

    def finish(self):
        """End the archive."""
        self._all(bytes(2 * BLOCK))


class _Frames:
    """A sink that is a stream for who can't go back in it: another node."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self._frame(b"", MAGIC, bare=True)

    def header(self, block):
        """Begin a member."""
        self._frame(b"H", block)

    def data(self, piece):
        """Append bytes; returns how many were taken."""
        self._frame(b"D", piece)
        return len(piece)

    def end(self, block):
        """Complete a member, whose header is known now."""
        self._frame(b"E", block)

    def manifest(self, block, content, reserved):
        """Send the manifest."""
        self._frame(b"M", content)

    def finish(self):
        """End the archive."""
        self._frame(b"Z", b"")

    def _frame(self, kind, content, bare=False):
        head = b"" if bare else kind + struct.pack(">Q", len(content))
        left = len(head) + len(content) - os.writev(self.descriptor, [head, content])
        while left:
            left -= os.write(self.descriptor, memoryview(content)[-left:])


class _Tar:
    """The archive that is being written into a sink, and the manifest's place in it."""

    def __init__(self, sink, mtime, room):
        self.sink, self.mtime = sink, mtime
        self.reserved = max(RESERVED, room + -room % BLOCK)
        self._small(MANIFEST, b" " * (self.reserved - 1) + b"\n")

    @contextlib.contextmanager
    def member(self, name):
        """Begin a member; yields what takes its bytes and returns how many it took."""
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a member")
        size = 0

        def write(piece):
            nonlocal size
            taken = self.sink.data(piece)
            size += taken
            return taken

        self.sink.header(header(name, 0, self.mtime))
        yield write
        self.sink.end(header(name, size, self.mtime))

    def finish(self, manifest):
        """Write checksums and manifest; returns how many bytes the manifest needs."""
        text = json.dumps(manifest, indent=2).encode() + b"\n"
        content = text[:-1].ljust(self.reserved - 1) + b"\n"
        self._small(CHECKSUMS, checksums(content, manifest))
        self.sink.manifest(header(MANIFEST, len(content), self.mtime), content, self.reserved)
        self.sink.finish()
        return len(text)

    def _small(self, name, content):
        with self.member(name) as write:
            while content:
                content = content[write(content) :]
