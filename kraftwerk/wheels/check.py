"""Whether a file is the wheel that its name promises: its tags, its metadata, and the hash of each file in it."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.version import InvalidVersion, Version

from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements_text import normal
from kraftwerk.wheels.wheel import BROKEN, Wheel, declared_tags, member, metadata, parse

HASHES = ("sha256", "sha384", "sha512")  # that a RECORD may have
LINUX = ("any", "linux_", "manylinux", "musllinux_")


def whole(path: Path) -> Wheel:
    """Return the wheel of a file that is all right in itself; its hash isn't part of it yet.

    Raises:
        KraftwerkError: it is missing, broken, not for Linux, or not what its name says (code 2).
    """
    if not path.is_file():
        raise KraftwerkError(f"{path}: no such file", code=2)
    found = parse(path)
    for problem in problems(found):
        raise KraftwerkError(f"{path}: {problem}", code=2)
    return found


def problems(wheel: Wheel) -> Iterator[str]:
    """Yield what is wrong with a wheel's content, the graver first.

    Raises:
        KraftwerkError: it can't be read.
    """
    headers = metadata(wheel.path)
    said = f"{headers.get('Name')} {headers.get('Version')}"
    if normal(str(headers.get("Name"))) != wheel.name or not _same(str(headers.get("Version")), wheel.version):
        yield f"its METADATA says {said}, its name {wheel.name} {wheel.version}"
    declared = declared_tags(wheel.path)
    named = frozenset(str(tag) for tag in wheel.tag_set)
    if differing := sorted(named ^ declared):
        yield f"the tags of its name and of its WHEEL file differ: {', '.join(differing[:3])}"
    platforms = sorted({tag.platform for tag in wheel.tag_set})
    if not any(platform.startswith(LINUX) for platform in platforms):
        yield f"it is for {', '.join(platforms)}, and nodes run Linux"
    yield from _unlike_record(wheel.path)


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _unlike_record(path: Path) -> Iterator[str]:
    """Yield the first file in a wheel that isn't what its RECORD says, if there is one."""
    with zipfile.ZipFile(path) as archive:
        try:
            record = member(archive, "RECORD")
            rows = list(csv.reader(io.StringIO(archive.read(record).decode(errors="replace"))))
        except KeyError:
            yield "it has no RECORD"
            return
        except BROKEN as error:
            yield f"its RECORD can't be read: {error}"
            return
        hashes = {row[0]: row[1] for row in rows if len(row) > 1}
        for each in archive.infolist():
            if each.filename.startswith("/") or ".." in each.filename.split("/"):
                yield f"{each.filename} in it leads out of the place that it is installed in"
                return
            if each.is_dir() or each.filename in (record, f"{record}.jws", f"{record}.p7s"):
                continue
            kind, _, digest = hashes.get(each.filename, "").partition("=")
            if kind not in HASHES or digest != _digest(archive, each, kind):
                yield f"{each.filename} in it is not what its RECORD says"
                return


def _digest(archive: zipfile.ZipFile, each: zipfile.ZipInfo, kind: str) -> str:
    """Return a member's hash as RECORD has it; a damaged one has none that fits."""
    digest = hashlib.new(kind)
    try:
        with archive.open(each) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except BROKEN:
        return ""
    return base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
