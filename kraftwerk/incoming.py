"""An archive that a node sends while it writes it: ssh writes it straight into a file here, which is completed then.

What the node knows only at the end, sizes and the manifest, is laid over what was held free for it. The file appears
under its name when it is complete and on the disk; a killed dump leaves a `.part`, which the next one overwrites.
Checksums aren't made again: the node has made them of what it sent, and ssh lets no byte change on its way
(docs/decisions/0017).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from kraftwerk.archive import BLOCK, CHECKSUMS, CHUNK, MANIFEST, header, made
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest

FULL = 1 << 20  # bytes: with less than that free, what broke off did so since the disk is full
FOREIGN = "what the node sent is not what its manifest says"


@contextmanager
def part(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open the file that an archive is until it is complete; at the end it gets its name, or is removed.

    Args:
        path: the archive; it must not exist.
        name: of the file meanwhile, in the same folder.

    Raises:
        KraftwerkError: it can't be written, or the disk is full.
    """
    temporary = path.with_name(name)
    if path.exists():
        raise KraftwerkError(f"{path} exists already", next_command="name another file with --output", code=2)
    try:
        with suppress(FileNotFoundError):
            temporary.unlink()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, 0o600), "rb+", buffering=0) as file:
            yield file
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        raise KraftwerkError(f"{path} can't be written: {error.strerror}") from error
    except KraftwerkError as error:
        if shutil.disk_usage(path.parent).free < FULL:
            raise KraftwerkError(f"{path} can't be written: No space left on device") from error
        raise
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


class Settling:
    """Sets the disk to work while a file grows, so that little is left to wait for at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, 0

    def __call__(self) -> int:
        """Have written what has come since the last time, and return the file's size."""
        size = os.fstat(self.file.fileno()).st_size
        os.posix_fadvise(self.file.fileno(), self.size, size - self.size, os.POSIX_FADV_DONTNEED)
        self.size = size
        return size


def complete(file: IO[bytes], manifest: Manifest, reserved: int) -> None:
    """Lay the manifest and the members' sizes over what was held free for them.

    Args:
        file: what came, from its beginning to its end.
        manifest: what it shall say.
        reserved: bytes that were held free for it.

    Raises:
        KraftwerkError: what came isn't what the manifest says.
    """
    descriptor, time = file.fileno(), made(manifest)
    content = manifest.as_bytes(reserved)
    sums = manifest.checksums(len(content))
    sizes = [(f"{dump.service}/{one.name}", one.size) for dump in manifest.services for one in dump.members]
    at = _expect(descriptor, 0, header(MANIFEST, 0, time)) + reserved
    for name, size in [*sizes, (CHECKSUMS, len(sums))]:
        _expect(descriptor, at, header(name, 0, time))
        os.pwrite(descriptor, header(name, size, time), at)
        at += BLOCK + size + -size % BLOCK
    _expect(descriptor, at - len(sums) - -len(sums) % BLOCK, sums + bytes(-len(sums) % BLOCK + 2 * BLOCK))
    if os.fstat(descriptor).st_size != at + 2 * BLOCK:
        raise KraftwerkError(FOREIGN)
    head = header(MANIFEST, len(content), time) + content + bytes(-len(content) % BLOCK)
    _move(descriptor, BLOCK + reserved, max(0, len(head) - BLOCK - reserved))
    os.pwrite(descriptor, head, 0)


def _expect(descriptor: int, at: int, content: bytes) -> int:
    """Make sure that these bytes stand there, and return where they end."""
    if os.pread(descriptor, len(content), at) != content:
        raise KraftwerkError(FOREIGN)
    return at + len(content)


def _move(descriptor: int, start: int, distance: int) -> None:
    """Move what stands from an offset on towards the end, the last piece first: a manifest needs more room."""
    at = os.fstat(descriptor).st_size
    while distance and at > start:
        begin = max(start, at - CHUNK)
        os.pwrite(descriptor, os.pread(descriptor, at - begin, begin), begin + distance)
        at = begin
