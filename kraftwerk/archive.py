"""The archive: one uncompressed tar with `manifest.json` first, then each service's members, SHA256SUMS last.

`tar -xf ARCHIVE && sha256sum --check SHA256SUMS` opens and checks it without kraftwerk. The reader is stricter than
tar: every byte is either checked against a checksum or known beforehand, so that a single flipped bit is found. In
layout 1 SHA256SUMS came second. Nodes write archives (`_modules/kw_tar.py`), and `incoming` writes what they send.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO

from kraftwerk import manifest as manifest_format
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest, Member

CHUNK = 1 << 20  # bytes in memory at a time
BLOCK = tarfile.BLOCKSIZE
MANIFEST_LIMIT = 16 << 20  # bytes: a million tables; more is refused before it is read
MANIFEST, CHECKSUMS = "manifest.json", "SHA256SUMS"

KEPT = re.compile(r"[a-z0-9][a-z0-9.-]*:/.+")  # an archive on a node
ANOTHER = "take another one: ls *.kw, or kraftwerk backup list"

Source = Callable[[str, Member], AbstractContextManager[Iterator[bytes]]]


@dataclass(frozen=True)
class Position:
    """Where a member's bytes are in the archive."""

    service: str
    member: Member
    offset: int


def packed(path: Path, only: Collection[str] | None = None) -> Iterator[bytes]:
    """Return an archive as it is sent to a node: in the present layout, and with these services alone.

    Args:
        path: an archive that `verify` found whole.
        only: services; all by default.

    Raises:
        KraftwerkError: it isn't the file any more that was verified.
    """
    manifest = read_manifest(path)
    services = tuple(dump for dump in manifest.services if only is None or dump.service in only)
    order = tuple(dump.service for dump in services)
    wanted = {(position.service, position.member.name): position for position in positions(path)}
    reduced = replace(manifest, format=manifest_format.FORMAT, order=order, services=services)
    return written(reduced, lambda service, member: reading(path, wanted[service, member.name]))


def written(manifest: Manifest, source: Source) -> Iterator[bytes]:
    """Yield the bytes of an archive whose manifest is known.

    Args:
        source: opens a member's bytes as chunks, by service and member, in the manifest's order.

    Raises:
        KraftwerkError: a member isn't as the manifest says.
    """
    time = made(manifest)
    yield from _small_member(MANIFEST, manifest.as_bytes(), time)
    for dump in manifest.services:
        for member in dump.members:
            name = f"{dump.service}/{member.name}"
            yield header(name, member.size, time)
            with source(dump.service, member) as chunks:
                yield from compared(name, member, chunks)
            yield bytes(-member.size % BLOCK)
    yield from _small_member(CHECKSUMS, manifest.checksums(), time)
    yield bytes(2 * BLOCK)


def _small_member(name: str, content: bytes, time: int) -> Iterator[bytes]:
    yield header(name, len(content), time) + content + bytes(-len(content) % BLOCK)


def compared(name: str, member: Member, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a member's bytes.

    Raises:
        KraftwerkError: at their end, when they aren't what the manifest says.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != member.size or digest.hexdigest() != member.sha256:
        raise KraftwerkError(f"{name} changed or was cut on its way: {size} of {member.size} bytes came")


def made(manifest: Manifest) -> int:
    """Return when an archive was made, in seconds, as its headers have it."""
    return int(datetime.fromisoformat(manifest.created).timestamp())


def header(name: str, size: int, time: int = 0) -> bytes:
    """Return the tar header of a member of that size in bytes, made at that time in seconds."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode, info.uname, info.gname = size, time, 0o600, "root", "root"
    return info.tobuf(tarfile.GNU_FORMAT)  # GNU's form of the size has no limit at 8 GiB


def read_manifest(path: Path) -> Manifest:
    """Return an archive's manifest without reading its members.

    Raises:
        KraftwerkError: it is no archive, or of another format, or its manifest isn't as kraftwerk writes it.
    """
    with _opened(path) as file:
        return _manifest(file)[0]


def manifest_in(stream: IO[bytes]) -> Manifest:
    """Return the manifest at the beginning of a stream that is an archive.

    Raises:
        KraftwerkError: as `read_manifest`.
    """
    return _manifest(stream)[0]


def verify(path: Path) -> Manifest:
    """Read a whole archive, compare every byte with what its manifest says, and return the manifest.

    Raises:
        KraftwerkError: it is truncated or altered, or a member is missing, added or has another name.
    """
    with _opened(path) as file:
        manifest, size = _manifest(file)
        for position in _positions(file, manifest):
            name = f"{position.service}/{position.member.name}"
            if _digest(file, name, position.member.size) != position.member.sha256:
                raise KraftwerkError(f"{name} was altered: its checksum is not the manifest's")
            _padding(file, position.member.size, name)
        if manifest.format > 1:
            _checksums(file, manifest, size)
        _end(file)
        return manifest


def positions(path: Path) -> list[Position]:
    """Return where each member's bytes are, to be read with `reading`.

    Raises:
        KraftwerkError: as `read_manifest`, or a member isn't where the manifest says.
    """
    with _opened(path) as file:
        found = []
        for position in _positions(file, _manifest(file)[0]):
            file.seek(position.member.size + -position.member.size % BLOCK, os.SEEK_CUR)
            found.append(position)
        return found


@contextmanager
def reading(path: Path, position: Position) -> Iterator[Iterator[bytes]]:
    """Open a member's bytes in an archive, as chunks."""
    with _opened(path) as file:
        file.seek(position.offset)
        yield _chunks(file, position.member.name, position.member.size)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open an archive for reading; what is wrong with it is reported with its path."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        reason = f"{path} can't be read: {error.strerror}"
        there = f"kraftwerk archive fetch {path}" if KEPT.fullmatch(str(path)) else ""
        raise KraftwerkError(reason, next_command=there or "ls *.kw, or kraftwerk dump", code=2) from error
    except KraftwerkError as error:
        advice = error.next_command or ANOTHER
        raise KraftwerkError(f"{path}: {error.cause}", next_command=advice, code=error.code) from error


def _manifest(file: IO[bytes]) -> tuple[Manifest, int]:
    """Return the manifest and its size in the archive."""
    content = _small(file, MANIFEST)
    manifest = manifest_format.parse(content)
    if manifest.as_bytes(len(content)) != content:
        raise KraftwerkError(f"{MANIFEST} was altered: this is not how kraftwerk writes it")
    if manifest.format == 1:
        _checksums(file, manifest, len(content))
    return manifest, len(content)


def _checksums(file: IO[bytes], manifest: Manifest, size: int) -> None:
    if _small(file, CHECKSUMS) != manifest.checksums(size):
        raise KraftwerkError(f"{MANIFEST} was altered: its checksum is not the one in {CHECKSUMS}")


def _small(file: IO[bytes], name: str) -> bytes:
    size = _member_header(file, name)
    if size > MANIFEST_LIMIT:
        raise KraftwerkError(f"{name} is larger than {MANIFEST_LIMIT >> 20} MB")
    content = b"".join(_chunks(file, name, size))
    _padding(file, size, name)
    return content


def _positions(file: BinaryIO, manifest: Manifest) -> Iterator[Position]:
    """Yield each member, the file standing at its first byte; whoever takes it moves on to the next header."""
    for dump in manifest.services:
        for member in dump.members:
            size = _member_header(file, f"{dump.service}/{member.name}")
            if size != member.size:
                name = f"{dump.service}/{member.name}"
                raise KraftwerkError(f"{name} has {size} bytes, not {member.size} as in the manifest")
            yield Position(dump.service, member, file.tell())


def _member_header(file: IO[bytes], name: str) -> int:
    """Return the size of the member that starts here, and must be a plain file of this name."""
    block = file.read(BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        _check_sum(block)
    except tarfile.HeaderError as error:
        if name == MANIFEST:
            raise KraftwerkError("this is no kraftwerk archive" + ("" if block else ": it is empty")) from error
        why = "truncated" if len(block) < BLOCK else "damaged"
        raise KraftwerkError(f"the archive is {why}: {name} should stand here") from error
    if info.name != name or info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.size < 0:
        if name == MANIFEST:
            raise KraftwerkError(f"this is no kraftwerk archive: it does not start with {MANIFEST}")
        raise KraftwerkError(f"the archive holds {info.name[:100]!r} where {name} should stand")
    return int(info.size)


def _check_sum(block: bytes) -> None:
    """Check the header's own checksum to the letter; tarfile accepts it in several spellings."""
    total = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
    if block[148:156] != b"%06o\0 " % total:
        raise tarfile.HeaderError("checksum")


def _chunks(file: IO[bytes], name: str, size: int) -> Iterator[bytes]:
    while size:
        chunk = file.read(min(CHUNK, size))
        if not chunk:
            raise KraftwerkError(f"the archive is truncated: {size} bytes of {name} are missing")
        size -= len(chunk)
        yield chunk


def _digest(file: BinaryIO, name: str, size: int) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(file, name, size):
        digest.update(chunk)
    return digest.hexdigest()


def _padding(file: IO[bytes], size: int, name: str) -> None:
    wanted = -size % BLOCK
    if (found := file.read(wanted)) != bytes(wanted):
        raise KraftwerkError(f"the archive is {'truncated' if len(found) < wanted else 'altered'} after {name}")


def _end(file: BinaryIO) -> None:
    """Check that two empty blocks end the archive; tar itself may have added more of them, up to its record size."""
    rest = file.read(tarfile.RECORDSIZE + 2 * BLOCK)
    if len(rest) < 2 * BLOCK:
        raise KraftwerkError("the archive is truncated: its end is missing")
    if rest.strip(b"\0") or file.read(1):
        raise KraftwerkError("the archive holds more than its manifest says")
