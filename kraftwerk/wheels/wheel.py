"""A wheel: one file of a wheelhouse, what its log says of it, and what its own metadata say."""

import hashlib
import shlex
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from functools import cached_property
from pathlib import Path

from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from kraftwerk.errors import KraftwerkError
from kraftwerk.wheels.target import Target

BLOCK = 1 << 20
BROKEN = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)  # what a damaged archive raises


@dataclass(frozen=True)
class Wheel:
    """A wheel, as its log has it.

    Attributes:
        path: the file; it may be missing.
        name: the package's, normalized.
        version: as it is compared, such as 1.0.
        tags: what it fits, as its file name has it: `py3-none-any`, or `1-cp311-cp311-linux_x86_64` with a build.
        sha256: of the content that was recorded.
        time, who: when it was recorded, in UTC, and by whom; empty in logs of former tools.
        source: where it was built from, if that isn't an index: `git+https://…@commit`, or a folder.
    """

    path: Path
    name: str
    version: str
    tags: str
    sha256: str = ""
    time: str = ""
    who: str = ""
    source: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what a house holds one of at most."""
        return self.name, self.version, self.tags

    @property
    def pin(self) -> str:
        """Return it as a requirement: `django==5.2.8`."""
        return f"{self.name}=={self.version}"

    @cached_property
    def tag_set(self) -> frozenset[Tag]:
        """Return its tags, one by one."""
        return parse_wheel_filename(self.path.name)[3]

    def rank(self, target: Target) -> int | None:
        """Return how well it fits, the smaller the better; None where it doesn't."""
        return min((target.ranks[tag] for tag in self.tag_set if tag in target.ranks), default=None)

    def fits(self, target: Target) -> bool:
        """Tell whether it can be installed there, by its tags."""
        return self.rank(target) is not None

    @property
    def requires(self) -> list[str]:
        """Return the requirements in its metadata, as they stand there."""
        return [str(line) for line in metadata(self.path).get_all("Requires-Dist", [])]


def parse(path: Path) -> Wheel:
    """Return the wheel that a file's name tells of; the file isn't opened.

    Raises:
        KraftwerkError: it isn't the name of a wheel (code 2).
    """
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        cause = f"{path} is not named as wheels are: name-version-python-abi-platform.whl"
        raise KraftwerkError(cause, code=2) from error
    return Wheel(path, str(name), str(version), "-".join(path.name.removesuffix(".whl").split("-")[2:]))


def best(wheels: Sequence[Wheel], target: Target) -> Wheel | None:
    """Return the newest of wheels that fits, and of its version the one that fits best."""
    ranks = {wheel: rank for wheel in wheels if (rank := wheel.rank(target)) is not None}
    return max(ranks, key=lambda wheel: (Version(wheel.version), -ranks[wheel]), default=None)


def sha256(path: Path) -> str:
    """Return the hash of a file's content, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_hashed(wheels: Sequence[Wheel]) -> None:
    """Make sure that what wheels are is recorded, so that they can be told from others of the same name.

    Raises:
        KraftwerkError: some were recorded without a hash, as former logs did (code 2).
    """
    if unknown := [wheel for wheel in wheels if not wheel.sha256]:
        files = " ".join(shlex.quote(str(wheel.path)) for wheel in unknown)
        cause = f"recorded without a hash: {', '.join(wheel.path.name for wheel in unknown)}; nothing was touched"
        raise KraftwerkError(cause, next_command=f"kraftwerk wheels add {files}", code=2)


def metadata(path: Path) -> Message:
    """Return the METADATA of a wheel.

    Raises:
        KraftwerkError: it can't be read, or has none.
    """
    return _headers(path, "METADATA")


def declared_tags(path: Path) -> frozenset[str]:
    """Return the tags that a wheel's WHEEL file gives, one by one; some have them packed, as in the name."""
    given = [str(each) for each in _headers(path, "WHEEL").get_all("Tag", [])]
    return frozenset(str(tag) for each in given for tag in (parse_tag(each) if each.count("-") == 2 else [each]))


def member(archive: zipfile.ZipFile, name: str) -> str:
    """Return the whole name of a file of a wheel's own metadata; packages that it brings along have theirs deeper.

    Raises:
        KeyError: there is none.
    """
    for found in archive.namelist():
        if found.endswith(f".dist-info/{name}") and found.count("/") == 1:
            return found
    raise KeyError(name)


def _headers(path: Path, name: str) -> Message:
    try:
        with zipfile.ZipFile(path) as archive:
            return BytesHeaderParser().parsebytes(archive.read(member(archive, name)))
    except KeyError as error:
        raise KraftwerkError(f"{path} is no wheel: it has no {name}", code=2) from error
    except BROKEN as error:
        raise KraftwerkError(f"{path} can't be read as a wheel: {error}", code=2) from error
