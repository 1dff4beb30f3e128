"""Wheels built from source: here where that fits the target, else on its node, with the node's compiler."""

import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from kraftwerk import argv, clone, process, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import NODE_UV, Argv
from kraftwerk.transport import Connection
from kraftwerk.wheels import aim, fetch, origin, store, wanted
from kraftwerk.wheels.house import House
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import parse

PATIENCE = 1800
EPOCH = "315532800"  # 1980, the first day of zip files: of the same source comes the same wheel
# Builds the folder that comes on stdin, and prints the wheel; what the build itself prints goes to stderr.
ON_NODE = """\
umask 022
folder="$(mktemp -d /tmp/kraftwerk-wheel.XXXXXX)"
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/source" "$folder/made"
tar --extract --no-same-owner --directory "$folder/source"
cd "$folder/source"
export HOME="$folder"
"$@" --out-dir "$folder/made" "$folder/source" >&2
cd "$folder/made"
tar --create *.whl
"""


def build_argv(uv: str, python: str, more: Sequence[str]) -> Argv:
    """Return the command that builds a wheel from source.

    Args:
        uv, python: the programs.
        more: further words: where from and where to, for example.
    """
    flags = ("--quiet", "--wheel", "--no-python-downloads", "--python", python)
    return ("env", f"SOURCE_DATE_EPOCH={EPOCH}", uv, "build", *flags, *more)


def make(line: str, target: Target, node: Connection | None, folder: Path, house: House) -> Path:
    """Build a wheel for a target; return its file.

    Args:
        line: a name with its version, or an address or folder, as uv prints it.
        target: what the wheel has to fit.
        node: where to build what can't be built here.
        folder: for what lies about on the way.
        house: what builds it may be among its wheels, if it is built on the node.

    Raises:
        KraftwerkError: it can't be built, or not for this target without a node.
    """
    source = _source(line, folder)
    if source.suffix == ".whl" and source.is_file():
        return source
    try:
        made = _here(source, target, folder)
        if parse(made).fits(target) and (_is_pure(made) or _is_like(target)):
            return made
        why = f"here it becomes {made.name}, which does not fit {target.words}"
    except KraftwerkError as error:
        why = error.cause
    if node is None:
        raise KraftwerkError(f"{line}: {why}", next_command=f"kraftwerk wheels build {line!r} --for NODE")
    return _there(line, source, target, node, house, folder)


def _source(line: str, folder: Path) -> Path:
    """Return the folder with the source of a package, or the wheel that an address is one of."""
    if own := origin.folder(line):
        return Path(own)
    address = origin.address(line)
    if address is None:
        return _unpacked(fetch.source(line, folder), folder)
    if address.url.startswith("git+"):
        return _cloned(address, folder)
    return _unpacked(fetch.source(address.url, folder), folder)


def _unpacked(archive: Path, folder: Path) -> Path:
    """Return the folder that an archive of source has in it, unpacked; a wheel stays as it is."""
    if archive.suffix == ".whl":
        return archive
    place = Path(tempfile.mkdtemp(dir=folder, prefix="source-"))
    try:
        if archive.suffix == ".zip":
            shutil.unpack_archive(archive, place)
        else:
            shutil.unpack_archive(archive, place, filter="data")
    except (OSError, ValueError, tarfile.TarError) as error:
        raise KraftwerkError(f"{archive.name} can't be unpacked: {error}") from error
    return next((each for each in place.iterdir() if each.is_dir()), place)


def _cloned(wanted: origin.Address, folder: Path) -> Path:
    """Return the folder that is meant in a repository, at the commit that uv found for us."""
    place = Path(tempfile.mkdtemp(dir=folder, prefix="clone-"))
    address, _, commit = wanted.url.removeprefix("git+").rpartition("@")
    if not address or "/" in commit:
        address, commit = wanted.url.removeprefix("git+"), "HEAD"
    clone.clone(address, place, ask=False)
    process.run(argv.git(place, "checkout", "--quiet", "--detach", commit), timeout=PATIENCE)
    return place / wanted.subdirectory


def _here(source: Path, target: Target, folder: Path) -> Path:
    """Build with the target's version of Python, where this computer has it; a pure wheel comes from any."""
    uv, place = virtualenv.uv_program(), Path(tempfile.mkdtemp(dir=folder, prefix="made-"))
    found = process.run((uv, "python", "find", "--no-python-downloads", "--no-project", target.minor), check=False)
    python = found.stdout.decode().strip() if not found.returncode else sys.executable
    virtualenv.run_uv(build_argv(uv, python, ["--out-dir", str(place), str(source)]))
    return next(place.glob("*.whl"))


def _there(line: str, source: Path, target: Target, node: Connection, house: House, folder: Path) -> Path:
    """Build on the node, as the user that owns its virtualenvs."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(source, arcname=".")
    words = build_argv(NODE_UV, target.minor, _tools(source, target, node, house))
    command = argv.as_user("web", ["sh", "-ec", ON_NODE, "kraftwerk-wheel", *words])
    done = node.run(command, input=packed.getvalue(), timeout=PATIENCE, check=False)
    if done.returncode:
        said = [each for each in done.stderr.decode(errors="replace").splitlines() if each.strip()][-12:]
        told = "\n".join([f"{line} can't be built on {target.name}:", *(f"  {each}" for each in said)])
        raise KraftwerkError(told, next_command=f"kraftwerk highstate {target.name} brings uv and a compiler")
    place = Path(tempfile.mkdtemp(dir=folder, prefix="made-"))
    with tarfile.open(fileobj=BytesIO(done.stdout)) as answer:
        member = answer.next()
        content = answer.extractfile(member) if member else None
        if member is None or content is None:
            raise KraftwerkError(f"{line}: {target.name} built nothing")
        made = place / Path(member.name).name
        with content, made.open("wb") as file:
            shutil.copyfileobj(content, file)
    return made


def _tools(source: Path, target: Target, node: Connection, house: House) -> list[str]:
    """Return the options that have a build on the node use the house's wheels, sent there; without them, an index."""
    try:
        tools = house.resolve(wanted.backends(source, ["."]), target)
    except KraftwerkError:
        return []
    store.send(node, store.lacking(node, tools), lambda text: None)
    return ["--no-index", *(word for tool in tools for word in store.find_links(tool))]


def _is_pure(made: Path) -> bool:
    return {tag.platform for tag in parse(made).tag_set} == {"any"}


def _is_like(target: Target) -> bool:
    """Tell whether what is compiled here runs there: same processor, and a C library that isn't older there."""
    own = aim.here()
    return own.machine == target.machine and own.libc_version <= target.libc_version and own.libc[:4] == target.libc[:4]
