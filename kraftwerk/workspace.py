"""The folder on a node in which a dump or load is under way, and the members' way there and back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kraftwerk import archive, process
from kraftwerk.archive import Position
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.manifest import Member, ServiceDump
from kraftwerk.transport import Connection

# Folders only: they are the halves of killed dumps and loads. Whole archives may be kept beside them.
PREPARE = """\
umask 077
find "$1" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} + 2>/dev/null || true
shift
mkdir -p "$@"
"""


@contextmanager
def prepared(connection: Connection, instance: Instance, services: Sequence[str]) -> Iterator[PurePosixPath]:
    """Make `/web/<instance>/dump/<stamp>/<service>/` on the node, and remove it in any case.

    What killed dumps and loads left there goes first; the instance's lock must be held.

    Raises:
        KraftwerkError: the node can't be reached or its disk is full.
    """
    parent = instance.root / "dump"
    folder = parent / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    connection.script(PREPARE, str(parent), str(folder), *(str(folder / service) for service in services))
    try:
        yield folder
    finally:
        with suppress(KraftwerkError):  # a node that can't be reached now is cleaned by the next dump
            connection.run(["rm", "-rf", str(folder)], check=False)


@contextmanager
def receive(connection: Connection, folder: PurePosixPath, service: str, member: Member) -> Iterator[IO[bytes]]:
    """Open a member on the node for reading, as a stream over the connection."""
    words = ["cat", "--", str(folder / service / member.name)]
    running = connection.popen(words, stdin=process.DEVNULL, stdout=process.PIPE)
    assert running.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        yield running.stdout
    except BaseException:
        running.terminate()
        raise
    finally:
        running.stdout.close()
        running.wait()


def upload(connection: Connection, path: Path, services: Sequence[ServiceDump], folder: PurePosixPath) -> None:
    """Send the members of these services from an archive to the node and verify them there.

    Raises:
        KraftwerkError: the connection broke, the node's disk is full, or a checksum there is another.
    """
    wanted = {(one.service, member) for one in services for member in one.members}
    sent = [position for position in archive.positions(path) if (position.service, position.member) in wanted]
    if len(sent) != len(wanted):
        raise KraftwerkError(f"{path} is not the file any more that was verified")
    for position in sent:
        _send(connection, path, position, folder)
    lines = "".join(f"{position.member.sha256}  {_below(position)}\n" for position in sent)
    if lines:
        checked = ["sh", "-c", 'cd "$1" && exec sha256sum --check --strict --quiet', "sh", str(folder)]
        connection.run(checked, input=lines.encode())


def _below(position: Position) -> str:
    return f"{position.service}/{position.member.name}"


def _send(connection: Connection, path: Path, position: Position, folder: PurePosixPath) -> None:
    words = ["sh", "-c", 'umask 077; exec cat >"$1"', "sh", str(folder / _below(position))]
    running = connection.popen(words, stdin=process.PIPE, stdout=process.DEVNULL, stderr=process.PIPE)
    assert running.stdin is not None and running.stderr is not None  # noqa: S101 - pipes were asked for
    try:
        with archive.reading(path, position) as chunks:
            _feed(running.stdin, chunks)
        words_said = running.stderr.read().decode(errors="replace").strip()
    except BaseException:
        running.terminate()
        raise
    finally:
        running.stderr.close()
        running.wait()
    if running.returncode:
        reason = words_said.splitlines()[-1] if words_said else f"exit code {running.returncode}"
        raise KraftwerkError(f"{connection.node.name}: {_below(position)} could not be uploaded: {reason}")


def _feed(stdin: Any, chunks: Iterator[bytes]) -> None:
    """Write all chunks; a reader that ends early has said why on its stderr."""
    try:
        for chunk in chunks:
            stdin.write(chunk)
        stdin.close()
    except BrokenPipeError:
        pass
