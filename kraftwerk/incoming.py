"""An archive that a node sends while it writes it (`_modules/kw_tar.py`): frames, which become a file here.

What the node knows only at the end, sizes and the manifest, is written over what was held free for it. The file
appears under its name when it is complete and on the disk; a killed dump leaves a `.part`, which the
next one overwrites.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kraftwerk import archive
from kraftwerk.archive import BLOCK, CHECKSUMS, CHUNK, MANIFEST, MANIFEST_LIMIT
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest, parse

MAGIC = b"kraftwerk archive in frames, layout 2\n".ljust(BLOCK, b"\0")

OnBytes = Callable[[int], None]


def receive(stream: IO[bytes], path: Path, *, part: Path, on_bytes: OnBytes = lambda count: None) -> Manifest:
    """Write the archive that arrives to a file, and return its manifest.

    Args:
        stream: what `kw_archive.send` writes.
        path: the file; it must not exist.
        part: the file that it is until it is complete.
        on_bytes: is called with how many bytes have come.

    Raises:
        Broken: the stream ended too early.
        KraftwerkError: it isn't what it should be, or the file can't be written.
    """
    if path.exists():
        raise KraftwerkError(f"{path} exists already", next_command="name another file with --output", code=2)
    try:
        with _created(part) as descriptor:
            manifest = _Incoming(stream, descriptor, on_bytes).read()
            os.fsync(descriptor)
        part.rename(path)
    except OSError as error:
        raise KraftwerkError(f"{path} can't be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return manifest


@contextmanager
def _created(path: Path) -> Iterator[int]:
    with suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class Broken(KraftwerkError):
    """The stream ended before the archive did: what the node says of it is the reason."""


class _Incoming:
    """The file that is being written, and what is known of it by now."""

    def __init__(self, stream: IO[bytes], descriptor: int, on_bytes: OnBytes) -> None:
        self.source, self.descriptor, self.on_bytes = stream.fileno(), descriptor, on_bytes
        self.buffer = memoryview(bytearray(CHUNK))
        self.size = 0
        self.found: list[tuple[str, int]] = []  # members: path and size
        with suppress(OSError):  # users have a limit; a small pipe does it, too
            fcntl.fcntl(self.source, fcntl.F_SETPIPE_SZ, CHUNK)

    def read(self) -> Manifest:
        """Read to the end, and return the manifest, which is right about all that came."""
        if self._exactly(BLOCK) != MAGIC:
            raise KraftwerkError("what the node sent is no archive")
        while (kind := self._exactly(1)) == b"H":
            self._member()
        if kind != b"M":
            raise KraftwerkError(f"the node sent a frame {kind!r}, which is not known")
        content = self._exactly(self._length(MANIFEST_LIMIT))
        manifest = parse(content)
        self._check(manifest, content)
        self._place(archive.header(MANIFEST, len(content), archive.made(manifest)) + content)
        if self._exactly(9) != b"Z" + bytes(8):
            raise KraftwerkError("the node sent no end")
        os.ftruncate(self.descriptor, self.size + 2 * BLOCK)
        return manifest

    def _member(self) -> None:
        """Write a member: its header is known when its last byte has come.

        The node has made the checksums of what it sent, and ssh lets no byte change on its way. Making them again
        here would be the largest part of our work (docs/decisions/0017).
        """
        at = self.size
        self._write(self._exactly(self._length(BLOCK)))
        while (kind := self._exactly(1)) == b"D":
            for piece in self._pieces(self._length(1 << 60)):
                self._write(piece)
        if kind != b"E":
            raise KraftwerkError("the node sent a member without an end")
        block, size = self._exactly(self._length(BLOCK)), self.size - at - BLOCK
        self._write(bytes(-size % BLOCK))
        os.pwrite(self.descriptor, block, at)
        name = block[:100].rstrip(b"\0").decode("ascii", "replace")
        self.found.append((name, size))

    def _check(self, manifest: Manifest, content: bytes) -> None:
        members = [(f"{one.service}/{member.name}", member.size) for one in manifest.services for member in one.members]
        sums = (CHECKSUMS, len(manifest.checksums(len(content))))
        if manifest.as_bytes(len(content)) != content or self.found[1:] != [*members, sums]:
            raise KraftwerkError("what the node sent is not what its manifest says")

    def _place(self, head: bytes) -> None:
        """Write the manifest where room was held free; if that is too small, all behind it moves."""
        head += bytes(-len(head) % BLOCK)
        start = BLOCK + self.found[0][1]
        distance, at = max(0, len(head) - start), self.size
        while distance and at > start:
            begin = max(start, at - CHUNK)
            os.pwrite(self.descriptor, os.pread(self.descriptor, at - begin, begin), begin + distance)
            at = begin
        self.size += distance
        os.pwrite(self.descriptor, head, 0)

    def _length(self, limit: int) -> int:
        length: int = struct.unpack(">Q", self._exactly(8))[0]
        if length > limit:
            raise KraftwerkError("the node sent a frame that is too long")
        return length

    def _exactly(self, size: int) -> bytes:
        return b"".join(bytes(piece) for piece in self._pieces(size))

    def _pieces(self, size: int) -> Iterator[memoryview]:
        """Yield that many bytes in pieces; each is overwritten by the next."""
        while size:
            count = os.readv(self.source, [self.buffer[: min(size, CHUNK)]])
            if not count:
                raise Broken("the node stopped in the middle")
            size -= count
            yield self.buffer[:count]

    def _write(self, piece: bytes | memoryview) -> None:
        while piece:
            count = os.write(self.descriptor, piece)
            self.size += count
            piece = piece[count:]
        self.on_bytes(self.size)
