"""The store of wheels on a node: each once, in a folder named by its hash, whichever sites are made from it."""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import IO

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.flow import Flow
from kraftwerk.remote import program, script
from kraftwerk.requirements import NODE_UV
from kraftwerk.transport import UNREACHABLE, Connection, unreachable
from kraftwerk.wheels.wheel import Wheel, check_hashed

FOLDER = PurePosixPath("/web/.wheels")  # no site can be called that


def place(wheel: Wheel) -> str:
    """Return where a wheel is, relative to the store."""
    return f"{wheel.sha256}/{wheel.path.name}"


def find_links(wheel: Wheel) -> tuple[str, str]:
    """Return the option that has uv on the node see a wheel."""
    return "--find-links", str(FOLDER / wheel.sha256)


def list_file(instance: str, venv: str) -> PurePosixPath:
    """Return the file that says which wheels a virtualenv is made from, as a requirements.txt with hashes."""
    return FOLDER / "lists" / instance / f"{venv}.txt"


def lacking(connection: Connection, wheels: Sequence[Wheel], folder: PurePosixPath = FOLDER) -> list[Wheel]:
    """Return those of wheels that the node's store doesn't have, without two of one content.

    Raises:
        KraftwerkError: the node can't be reached, or a wheel was recorded without a hash (code 2).
    """
    check_hashed(wheels)
    places = {place(wheel): wheel for wheel in wheels}
    printed = connection.script(script("wheelslacking"), str(folder), *places).stdout.decode()
    return [places[line] for line in printed.splitlines() if line in places]


def send(
    connection: Connection,
    wheels: Sequence[Wheel],
    on_progress: Callable[[str], None],
    folder: PurePosixPath = FOLDER,
) -> None:
    """Send wheels into the node's store; each is compared with its hash when it has arrived, and only then there.

    Interrupted, those that had arrived stay.

    Raises:
        KraftwerkError: the node can't be reached, its disk is full, or something changed a wheel on its way.
    """
    if not wheels:
        return
    words = ["python3", "-ISc", program("wheelsland"), str(folder)]
    running = connection.popen(words, stdin=process.PIPE, stdout=process.DEVNULL, stderr=process.PIPE)
    assert running.stdin is not None and running.stderr is not None  # noqa: S101 - pipes were asked for
    try:
        _pack(wheels, running.stdin, Flow(on_progress))
    except BrokenPipeError:
        pass  # why the node stopped reading, it says
    except BaseException:
        running.terminate()
        raise
    said = running.stderr.read().decode(errors="replace").strip()
    code = running.wait()
    if code == UNREACHABLE:
        raise unreachable(connection.node, said)
    if code:
        raise KraftwerkError(f"{connection.node.name}: {said.splitlines()[-1] if said else f'exit code {code}'}")


def note(connection: Connection, instance: str, venv: str, wheels: Sequence[Wheel]) -> PurePosixPath:
    """Write down which wheels a virtualenv is made from, all with their hashes; return the file."""
    text = "".join(f"{wheel.pin} --hash=sha256:{wheel.sha256}\n" for wheel in wheels)
    path = list_file(instance, venv)
    connection.run(["sh", "-ec", 'umask 022; mkdir -p "${1%/*}"; cat >"$1"', "list", str(path)], input=text.encode())
    return path


def has_uv(connection: Connection) -> bool:
    """Tell whether the node has the uv that makes its virtualenvs."""
    return connection.run(["test", "-x", NODE_UV], check=False).returncode == 0


def place_uv(connection: Connection, wheel: Wheel) -> None:
    """Take uv out of its wheel in the node's store, to where the node's states would put one from an index."""
    connection.run(["python3", "-ISc", program("wheeluv"), str(FOLDER / place(wheel)), NODE_UV])


def prune(connection: Connection) -> None:
    """Remove wheels from the node's store that no virtualenv was made from."""
    connection.script(script("wheelsprune"), str(FOLDER))


def _pack(wheels: Sequence[Wheel], into: IO[bytes], flow: Flow) -> None:
    with into, tarfile.open(fileobj=into, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for wheel in wheels:
            member = tarfile.TarInfo(place(wheel))
            member.size = wheel.path.stat().st_size
            with wheel.path.open("rb") as file:
                archive.addfile(member, file)
            flow.add(member.size)
