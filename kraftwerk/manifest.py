"""What an archive says of itself: `manifest.json`, its parser and validator."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kraftwerk import __version__
from kraftwerk.counts import Counts, headline
from kraftwerk.errors import KraftwerkError

FORMAT = 2  # the layout that is written
READABLE = (1, FORMAT)
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,47}")  # of services and members: no path, no option, fits a tar header
WORD = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")  # of projects, environments, instances and nodes
SHA256 = re.compile(r"[0-9a-f]{64}")
LARGEST = 1 << 60  # bytes; more is no size but an attack on arithmetic
TEXT_LIMIT = 200


@dataclass(frozen=True)
class Member:
    """A file of a service in an archive.

    Attributes:
        name: its name below the service's folder.
        size: in bytes.
        sha256: of its bytes, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ServiceDump:
    """What an archive holds of one service.

    Attributes:
        service: postgres, files ….
        version: the server's version; a newer or equal one can load it.
        members: the files, in their order.
        counts: tables, rows, files …: a number, or a number by name.
        consistency: what point in time it is of: `one transaction`, `each file as it was read`. Empty in layout 1.
    """

    service: str
    version: str
    members: tuple[Member, ...]
    counts: Counts
    consistency: str = ""

    @property
    def headline(self) -> str:
        """Return its counts in a few words: `postgres 10 tables 31 rows`."""
        return headline(self.service, self.counts)

    @property
    def size(self) -> int:
        """Return the bytes of all members."""
        return sum(member.size for member in self.members)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Where and when an archive was made, and what is in it.

    Attributes:
        order: the services in the order of dumping and loading.
        frozen: whoever writes was held, so that all services are of one point in time.
    """

    format: int = FORMAT
    kraftwerk: str = __version__
    project: str
    environment: str
    instance: str
    node: str
    release: int | None
    created: str
    order: tuple[str, ...]
    services: tuple[ServiceDump, ...]
    frozen: bool = False

    @property
    def moment(self) -> str:
        """Return when it was made, as it is printed: `2026-11-20 23:05 UTC`."""
        return f"{datetime.fromisoformat(self.created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    def as_bytes(self, size: int = 0) -> bytes:
        """Return the manifest as it stands in the archive: JSON for people too, filled up with blanks to that size."""
        plain = asdict(self)
        if self.format == 1:
            del plain["frozen"]
            for service in plain["services"]:
                del service["consistency"]
        return json.dumps(plain, indent=2).encode().ljust(size - 1) + b"\n"

    def service(self, name: str) -> ServiceDump:
        """Return what the archive holds of a service.

        Raises:
            KeyError: the archive holds nothing of it.
        """
        return {dump.service: dump for dump in self.services}[name]

    def checksums(self, size: int = 0) -> bytes:
        """Return the archive's SHA256SUMS, as `sha256sum --check` reads it; it covers the manifest of that size too."""
        files = [("manifest.json", hashlib.sha256(self.as_bytes(size)).hexdigest())]
        files += [(f"{dump.service}/{member.name}", member.sha256) for dump in self.services for member in dump.members]
        return "".join(f"{digest}  {name}\n" for name, digest in files).encode()


def parse(content: bytes) -> Manifest:
    """Return the manifest that `as_bytes` wrote.

    Raises:
        KraftwerkError: it isn't JSON, has another format, or a key is missing, unknown or of the wrong kind; the cause
            names the key.
    """
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise KraftwerkError("manifest.json is no JSON") from error
    if not isinstance(plain, dict) or type(plain.get("format")) is not int:
        raise KraftwerkError("manifest.json has no format version")
    if plain["format"] not in READABLE:
        raise KraftwerkError(
            f"format {plain['format']} is not known to kraftwerk {__version__}, which reads up to format {FORMAT}",
            next_command="use the kraftwerk that wrote it, or a newer one",
        )
    if plain["format"] == 1:
        plain = _completed(plain)
    manifest: Manifest = _Reader(plain, "", Manifest).build(
        project=_word, environment=_word, instance=_word, node=_word, release=_release, created=_time,
        order=_each(_name), services=_each(_service), kraftwerk=_text, format=_whole, frozen=_flag,
    )  # fmt: skip
    names = [dump.service for dump in manifest.services]
    if list(manifest.order) != names or len(set(names)) != len(names):
        raise KraftwerkError("manifest.json: order does not list each service once")
    return manifest


def _completed(plain: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest of layout 1 with what layout 2 added."""
    services = plain.get("services")
    if isinstance(services, list):
        services = [{"consistency": "", **one} if isinstance(one, dict) else one for one in services]
        plain = {**plain, "services": services}
    return {"frozen": False, **plain}


class _Reader:
    """Builds a dataclass from a JSON object, each key by its own reader; nothing missing, nothing unknown."""

    def __init__(self, plain: Any, path: str, kind: Callable[..., Any]) -> None:
        if not isinstance(plain, dict):
            raise _wrong(path, "is no object")
        self.plain, self.path, self.kind = plain, path, kind

    def build(self, **readers: Callable[[Any, str], Any]) -> Any:
        """Return the dataclass; raises KraftwerkError with the path of the first key that doesn't fit."""
        for key in self.plain.keys() ^ readers.keys():
            raise _wrong(self._at(key), "is missing" if key in readers else "is not known")
        return self.kind(**{key: reader(self.plain[key], self._at(key)) for key, reader in readers.items()})

    def _at(self, key: str) -> str:
        return f"{self.path}.{key[:TEXT_LIMIT]}" if self.path else key[:TEXT_LIMIT]


def _wrong(path: str, why: str) -> KraftwerkError:
    return KraftwerkError(f"manifest.json: {path} {why}")


def _matching(pattern: re.Pattern[str]) -> Callable[[Any, str], str]:
    def read(value: Any, path: str) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise _wrong(path, "is no proper name")
        return value

    return read


_word = _matching(WORD)
_name = _matching(NAME)
_sha256 = _matching(SHA256)


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LIMIT or not value.isprintable():
        raise _wrong(path, "is no line of text")
    return value


def _whole(value: Any, path: str) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise _wrong(path, "is no whole number from 0 on")
    return value


def _flag(value: Any, path: str) -> bool:
    if type(value) is not bool:
        raise _wrong(path, "is neither true nor false")
    return value


def _release(value: Any, path: str) -> int | None:
    return None if value is None else _whole(value, path)


def _time(value: Any, path: str) -> str:
    try:
        aware = datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        aware = False
    if not aware:
        raise _wrong(path, "is no time with a time zone")
    return str(value)


def _each(reader: Callable[[Any, str], Any]) -> Callable[[Any, str], tuple[Any, ...]]:
    def read(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(path, "is no list")
        return tuple(reader(item, f"{path}[{index}]") for index, item in enumerate(value))

    return read


def _service(value: Any, path: str) -> ServiceDump:
    build = _Reader(value, path, ServiceDump).build
    dump: ServiceDump = build(service=_name, version=_text, members=_each(_member), counts=_counts, consistency=_text)
    if len({member.name for member in dump.members}) != len(dump.members):
        raise _wrong(path, "names a member twice")
    return dump


def _member(value: Any, path: str) -> Member:
    member: Member = _Reader(value, path, Member).build(name=_name, size=_whole, sha256=_sha256)
    return member


def _counts(value: Any, path: str) -> Counts:
    if not isinstance(value, dict):
        raise _wrong(path, "is no object")
    return {key: _count(count, f"{path}.{key[:TEXT_LIMIT]}") for key, count in value.items()}


def _count(value: Any, path: str) -> int | Mapping[str, int]:
    if isinstance(value, dict):
        return {key: _whole(count, f"{path}.{key[:TEXT_LIMIT]}") for key, count in value.items()}
    return _whole(value, path)


def service_dump(service: str, result: Any) -> ServiceDump:
    """Return what a node's `kw_<service>.dump` answered, validated as strictly as an archive's manifest.

    Raises:
        KraftwerkError: the module broke its contract.
    """
    if not isinstance(result, dict):
        raise KraftwerkError(f"kw_{service}.dump answered {str(result)[:TEXT_LIMIT]!r}")
    try:
        return _service({"consistency": "", **result, "service": service}, service)
    except KraftwerkError as error:
        raise KraftwerkError(f"kw_{service}.dump broke its contract: {error.cause}") from error
