"""The archive that a node's engine is made of: Salt as its states need it, what it imports, and the program itself.

It is made once for what is installed here. Its name says what is in it, so that a node that has it gets it no more.
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kraftwerk import saltconf
from kraftwerk.paths import private, write_atomic
from kraftwerk.remote import program

# Folders of Salt that only its master, its clouds and its daemons use, but for what modules import from them; and
# modules for other systems than Debian's.
MASTERS = ("cloud", "netapi", "runners", "wheel", "thorium", "engines", "beacons", "proxy", "metaproxy", "templates")
FOREIGN = (
    "win_",
    "mac_",
    "napalm",
    "solaris",
    "nxos",
    "junos",
    "aix",
    "esx",
    "vsphere",
    "zypper",
    "freebsd",
    "openbsd",
)
IMPORTED = ("__init__.py", "runners/state.py", "runners/winrepo.py", "cloud/exceptions.py", "cloud/libcloudfuncs.py")
# What Salt imports on a node, besides what Debian's Python has.
PACKAGES = (
    *("salt", "distro", "jinja2", "yaml", "tornado", "msgpack", "certifi", "markupsafe", "looseversion", "packaging"),
    *("requests", "idna", "urllib3", "charset_normalizer", "contextvars", "immutables", "backports"),
)
PROGRAMS = ("saltengine", "saltparts", "saltmodules")
LEVEL = 3  # of gzip: xz makes 40 % less of it, in ten times the time, and takes four times as long to unpack


def key() -> str:
    """Return the name of the engine that this computer sends: a hash of all that is in it.

    Two computers with the same files send the same. Files are read again when one's size or time changed.
    """
    folder, now = private(saltconf.root() / "engine"), _state()
    kept = folder / "key"
    with suppress(OSError, ValueError):
        state, found = kept.read_text().split()
        if state == now:
            return found
    content = hashlib.sha256(Path(__file__).read_bytes())
    for name, data in sorted(_contents()):
        content.update(f"{name}\n{len(data)}\n".encode() + data)
    found = content.hexdigest()[:24]
    write_atomic(kept, f"{now} {found}")
    return found


def archive(name: str) -> bytes:
    """Return the archive of a key, made when it isn't there yet; that of another version goes."""
    folder = private(saltconf.root() / "engine")
    path = folder / f"{name}.tar.gz"
    with suppress(FileNotFoundError):
        return path.read_bytes()
    for old in folder.glob("*.tar*"):
        old.unlink(missing_ok=True)
    made = gzip.compress(_tar(), LEVEL)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(made)
    with suppress(FileNotFoundError):  # another process makes one, too
        temporary.replace(path)
    return made


def _state() -> str:
    """Return what changes whenever a file does that the engine is made of, without reading any."""
    found = hashlib.sha256("".join([*map(program, PROGRAMS), Path(__file__).read_text()]).encode())
    site = _site()
    for dist in sorted(site.glob("*.dist-info")):  # of packages that extend Salt, among others
        found.update(f"{dist.name} {dist.stat().st_mtime_ns}\n".encode())
    for path in sorted(each for package in PACKAGES for each in _below(f"{site}/{package}")):
        found.update(f"{path}\n".encode())
    return found.hexdigest()


def _below(top: str) -> Iterator[str]:
    """Yield each Python file below a folder, with its size and time."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(top) as entries:
        for entry in entries:
            if entry.name == "__pycache__":
                continue
            if entry.is_dir():
                yield from _below(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in _contents():
            _add(tar, name, content)
    return buffer.getvalue()


def _contents() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file of the archive."""
    for path, name in _files():
        yield f"code/{name}", path.read_bytes()
    for name in PROGRAMS:
        yield f"{name}.py", program(name).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    tar.addfile(entry, io.BytesIO(content))


def _files() -> Iterator[tuple[Path, str]]:
    """Yield each file with its name in the archive."""
    site = _site()
    for package in PACKAGES:
        tops = [site / package, site / f"{package}.py"]
        for path in (found for top in tops for found in ([top] if top.is_file() else sorted(top.rglob("*")))):
            name = path.relative_to(site)
            if path.is_file() and _wanted(name):
                yield path, str(name)
    yield from _extensions()


def _wanted(name: Path) -> bool:
    parts = name.parts
    if "__pycache__" in parts or name.suffix in (".so", ".pyc", ".pyi"):
        return False
    if parts[0] != "salt" or str(name).endswith(IMPORTED):
        return True
    foreign = parts[1] in ("modules", "states") and name.name.startswith(FOREIGN)
    return parts[1] not in MASTERS and not foreign


def _extensions() -> Iterator[tuple[Path, str]]:
    """Yield the files of packages that extend Salt, as plain salt-ssh sends them."""
    from importlib.metadata import entry_points

    for dist in {entry.dist for entry in entry_points(group="salt.loader") if entry.dist}:
        if dist.name in saltconf.NOT_FOR_NODES:
            continue
        for file in dist.files or ():
            path = Path(str(file.locate()))
            if path.is_file() and ".." not in file.parts and file.suffix != ".so" and "__pycache__" not in file.parts:
                yield path, str(file)


def _site() -> Path:
    """Return the folder that Salt is installed in, without the time that importing it takes."""
    from importlib.util import find_spec

    spec = find_spec("salt")
    assert spec is not None and spec.origin is not None  # noqa: S101 - kraftwerk depends on it
    return Path(spec.origin).parents[1]
