"""How data arrives on a node: from an archive here, from one that a node keeps, or from an instance as it is now.

It is streamed in any case; the node verifies every byte of it, and lays its members down for the services to load.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from kraftwerk import archive, lock, manifest, nodeprogram, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.flow import Flow
from kraftwerk.manifest import Manifest
from kraftwerk.node import get_node
from kraftwerk.screen import OnProgress
from kraftwerk.target import Target
from kraftwerk.transport import Connection

PIECE = 1 << 20  # bytes in memory at a time

# Makes members lie in /web/<instance>/dump/<token>/<service>/, whole and verified, and returns their manifest.
Arrive = Callable[[str, OnProgress], Manifest]
# How these services of what there is arrive at a target.
Way = Callable[[Target, Sequence[str]], Arrive]
KEPT = re.compile(r"(?P<node>[a-z0-9][a-z0-9.-]*):(?P<path>/.+)")


def of_archive(name: str) -> tuple[Manifest, Way]:
    """Return what is in an archive, and how it arrives.

    Args:
        name: a file here, which is read and verified as a whole now; or NODE:PATH, one that a node keeps, which is
            verified where it arrives.

    Raises:
        KraftwerkError: there is none, or it isn't whole (code 2).
    """
    kept = KEPT.fullmatch(name)
    if kept and not Path(name).exists():
        keeper, path = Connection(get_node(kept["node"])), kept["path"]
        return _manifest_there(keeper, path), lambda into, services: _of_kept(keeper, path, into, services)
    found = archive.verify(Path(name))
    return found, lambda into, services: _of_file(Path(name), into, services)


def _of_file(path: Path, into: Target, services: Sequence[str]) -> Arrive:
    return lambda token, on_progress: receive(into, token, services, archive.packed(path, services), on_progress)


def _of_kept(keeper: Connection, path: str, into: Target, services: Sequence[str]) -> Arrive:
    def arrive(token: str, on_progress: OnProgress) -> Manifest:
        with _reading(keeper, path) as stream:
            return receive(into, token, services, pieces(stream), on_progress)

    return arrive


def _manifest_there(keeper: Connection, path: str) -> Manifest:
    where = f"{keeper.node.name}:{path}"
    if keeper.run(["test", "-f", path], check=False).returncode:
        listed = f"kraftwerk run --node {keeper.node.name} --as root -- ls -l {PurePosixPath(path).parent}"
        raise KraftwerkError(f"{where}: there is no such file", next_command=listed, code=2)
    with _reading(keeper, path) as stream:
        try:
            return archive.manifest_in(stream)
        except KraftwerkError as error:
            raise KraftwerkError(f"{where}: {error.cause}", next_command=error.next_command, code=2) from error


@contextmanager
def _reading(keeper: Connection, path: str) -> Iterator[IO[bytes]]:
    """Open a file on a node for reading from its beginning."""
    running = keeper.popen(["cat", "--", path], stdin=process.DEVNULL, stdout=process.PIPE, stderr=process.DEVNULL)
    assert running.stdout is not None  # noqa: S101 - a pipe was asked for
    with running.stdout as stream:
        try:
            yield stream
        finally:
            running.terminate()
            running.wait()


def of_instance(source: Target, into: Target, services: Sequence[str]) -> Arrive:
    """Return how the data arrives that an instance holds now.

    Args:
        services: what is copied.
    """

    def arrive(token: str, on_progress: OnProgress) -> Manifest:
        send = (source.connection, "kw_archive.send", source.instance.name)
        with (
            lock.held(source.connection, source.instance.name),
            nodeprogram.start(*send, node=source.node.name, only=list(services)) as sender,
        ):
            assert sender.stdout is not None  # noqa: S101 - it is what is read
            return receive(into, token, services, pieces(sender.stdout), on_progress, whole=sender.result)

    return arrive


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what a stream holds."""
    return iter(lambda: stream.read(PIECE), b"")


def receive(
    into: Target,
    token: str,
    services: Sequence[str],
    content: Iterable[bytes],
    on_progress: OnProgress,
    whole: Callable[[], object] = lambda: None,
) -> Manifest:
    """Have a node read an archive, verify it and keep its members.

    Args:
        content: the archive's bytes.
        whole: raises when they ended too early: that is told then, and not what the node says of the rest.

    Raises:
        KraftwerkError: it isn't whole, or there is no room for it, or the connection broke.
    """
    name = into.instance.name
    with nodeprogram.start(
        into.connection, "kw_archive.receive", name, token, only=list(services), feeds=True
    ) as receiver:
        if pump(content, receiver.stdin, on_progress):
            whole()
        return manifest.parse(json.dumps(receiver.result()).encode())


def pump(content: Iterable[bytes], sink: IO[bytes], on_progress: OnProgress) -> bool:
    """Write all pieces and close the sink; return False when it took no more before that."""
    flow = Flow(on_progress)
    try:
        for piece in content:
            sink.write(piece)
            flow.add(len(piece))
        sink.close()
    except BrokenPipeError:
        return False
    return True
