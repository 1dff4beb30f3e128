"""The archive that a node's engine is made of: Salt as its states need it, what it imports, and the program itself.

It is made once for what is installed here. Its name says what is in it, so that a node that has it gets it no more.
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from kraftwerk import saltconf
from kraftwerk.paths import private
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
PROGRAMS = ("saltengine", "saltparts")
LEVEL = 3  # of gzip: xz makes 40 % less of it, in ten times the time, and takes four times as long to unpack


def key() -> str:
    """Return the name of the engine that this computer sends: it changes with anything that is in it."""
    found = hashlib.sha256()
    for name in sorted(path.name for path in _site().glob("*.dist-info")):
        found.update(f"{name}\n".encode())
    for text in (*map(program, PROGRAMS), Path(__file__).read_text()):
        found.update(text.encode())
    return found.hexdigest()[:24]


def archive(name: str) -> bytes:
    """Return the archive of a key, made when it isn't there yet; that of another version goes."""
    folder = private(saltconf.root() / "engine")
    path = folder / f"{name}.tar.gz"
    if not path.exists():
        for old in folder.glob("*.tar.gz"):
            old.unlink(missing_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_bytes(gzip.compress(_tar(), LEVEL))
        temporary.replace(path)
    return path.read_bytes()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, name in _files():
            _add(tar, f"code/{name}", path.read_bytes())
        for name in PROGRAMS:
            _add(tar, f"{name}.py", program(name).encode())
    return buffer.getvalue()


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
