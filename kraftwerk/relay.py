"""Folders copied from node to node through this machine's memory: only what changed travels, no disk is touched."""

import threading
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, Any

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.flow import Flow
from kraftwerk.remote import program
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection

# Owners by name, modes, times, links hard and soft, sparse files, extended attributes and ACLs.
OPTIONS = ("-aHAXS", "--delete")
PIECE = 1 << 18  # bytes in memory at a time


def copy(
    source: Connection,
    folder: PurePosixPath,
    into: Connection,
    target: PurePosixPath,
    on_progress: OnProgress = lambda text: None,
    options: Sequence[str] = (),
) -> int:
    """Make a folder on a node the same as one on another node; return how many bytes that took.

    Args:
        folder, target: on their nodes; what is in the first one comes into the second one, which exists.
        options: more for rsync; the receiving end takes but a few.

    Raises:
        KraftwerkError: rsync failed, or a connection broke; what was sent is completed by the next call.
    """
    words = ["python3", "-ISc", program("relay")]
    sending = [*words, "send", str(folder), str(target), *OPTIONS, *options]
    receiving = [*words, "receive", str(target)]
    pipes: dict[str, Any] = {"stdin": process.PIPE, "stdout": process.PIPE, "stderr": process.PIPE}
    ends = source.popen(sending, **pipes), into.popen(receiving, **pipes)
    said = [_collected(end.stderr) for end in ends]
    back = threading.Thread(target=_pump, args=(ends[1].stdout, ends[0].stdin), daemon=True)
    back.start()
    try:
        sent = _pump(ends[0].stdout, ends[1].stdin, on_progress)
        back.join()
        codes = [end.wait() for end in ends]
    finally:
        for end in ends:
            end.terminate()
            end.wait()
    if any(codes):
        raise KraftwerkError(f"{source.node.name} → {into.node.name}: {folder} can't be copied: {_reason(said)}")
    return sent


def _pump(stream: IO[bytes] | None, sink: IO[bytes] | None, on_progress: OnProgress = lambda text: None) -> int:
    """Pass bytes on until there are no more, or nobody takes them."""
    assert stream is not None and sink is not None  # noqa: S101 - pipes were asked for
    flow = Flow(on_progress)
    try:
        while piece := stream.read1(PIECE):  # type: ignore[attr-defined]
            sink.write(piece)
            sink.flush()
            flow.add(len(piece))
        sink.close()
    except OSError:
        pass  # the other end tells why
    return flow.sent


def _collected(stream: IO[bytes] | None) -> list[bytes]:
    """Return a list that fills with the lines of a stream."""
    assert stream is not None  # noqa: S101 - a pipe was asked for
    lines: list[bytes] = []
    threading.Thread(target=lambda: lines.extend(stream), daemon=True).start()
    return lines


def _reason(said: list[list[bytes]]) -> str:
    """Return the line that tells most: rsync's last words are but a code."""
    lines = [line.decode(errors="replace").strip() for each in said for line in each]
    telling = [line for line in lines if line and not line.startswith("rsync error:")]
    return (telling or lines or ["no output"])[-1]
