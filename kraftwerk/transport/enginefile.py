"""The archive that a node's engine is made of: Salt as its states need it, what it imports, and the program itself.

It is made once for what is installed here. Its name says what is in it, so that a node that has it gets it no more.
For a node whose Python is like this one the byte code goes along that it would make in its first call.
"""

import gzip
import hashlib
import importlib.util
import io
import marshal
import os
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from kraftwerk import flock, process, saltconf
from kraftwerk.errors import KraftwerkError
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
PROGRAMS = ("saltengine", "saltparts", "saltmodules", "saltlock")
# What the engine imports when it starts, and what every call has Salt load.
LOADED = (
    *("salt.cli.caller", "salt.config", "salt.fileclient", "salt.state", "salt.utils.templates", "jinja2.sandbox"),
    *("salt.executors.direct_call", "salt.fileserver.roots", "salt.serializers.msgpack", "salt.renderers.yaml"),
    *("salt.renderers.jinja", "salt.modules.test", "salt.modules.cmdmod", "salt.modules.file", "salt.modules.match"),
    *("salt.modules.network", "salt.modules.smbios", "salt.grains.core", "salt.grains.extra", "salt.grains.disks"),
)
CODE = Path(__file__).with_name("bytecode.py")
TESTS = {"test", "tests"}
LEVEL = 6  # of gzip: xz makes 30 % less of it, in several times the time, and takes four times as long to unpack


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
    content = hashlib.sha256(Path(__file__).read_bytes() + CODE.read_bytes())
    for name, data in sorted(_contents()):
        content.update(f"{name}\n{len(data)}\n".encode() + data)
    found = content.hexdigest()[:24]
    write_atomic(kept, f"{now} {found}")
    return found


def archive(name: str, magic: str = "") -> bytes:
    """Return the archive of a key, made when it isn't there yet; those of other versions go.

    Args:
        magic: of the byte code that the node's Python reads. Where ours is another one, none goes along; the key is
            the same, so that admins with different Pythons share an engine.
    """
    compiled = magic == importlib.util.MAGIC_NUMBER.hex()
    folder = private(saltconf.root() / "engine")
    path = folder / (f"{name}-{magic}.tar.gz" if compiled else f"{name}.tar.gz")
    with suppress(FileNotFoundError):
        return path.read_bytes()
    with flock.held(folder / "lock", busy="another kraftwerk is still making what runs Salt on nodes"):
        with suppress(FileNotFoundError):  # it was made for another node meanwhile
            return path.read_bytes()
        for old in folder.glob("*.tar*"):
            if not old.name.startswith(name):
                old.unlink(missing_ok=True)
        made = gzip.compress(_tar(_compiled() if compiled else {}), LEVEL)
        temporary = path.with_suffix(".new")
        temporary.write_bytes(made)
        temporary.replace(path)
    return made


def _state() -> str:
    """Return what changes whenever a file does that the engine is made of, without reading any."""
    ours = [*map(program, PROGRAMS), Path(__file__).read_text(), CODE.read_text()]
    found = hashlib.sha256("".join(ours).encode())
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


def _compiled() -> Mapping[str, bytes]:
    """Return the byte code of what a node loads in each call, by its place in the archive.

    None where Salt can't be imported so: then the node compiles, as Python does.
    """
    words = [sys.executable, "-IS", str(CODE), str(_site()), *LOADED]
    try:
        found = marshal.loads(process.run(words).stdout)  # noqa: S302 - from a program of ours
    except KraftwerkError:
        return {}
    return {importlib.util.cache_from_source(f"code/{name}"): code for name, code in found.items()}


def _tar(compiled: Mapping[str, bytes]) -> bytes:
    """Return all in one; byte code stands beside its source, with which it has much in common."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in _contents():
            _add(tar, name, content)
            cached = importlib.util.cache_from_source(name) if name.endswith(".py") else ""
            if cached in compiled:
                _add(tar, cached, compiled[cached])
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
    if "__pycache__" in parts or name.suffix in (".so", ".pyc", ".pyi") or TESTS & set(parts[1:-1]):
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
