"""Asks whether a node still answers over a shared connection, in OpenSSH's multiplexing protocol (its PROTOCOL.mux).

`ssh -O check` tells only that a process here holds the connection, and starts one to learn it. A session that is
opened on it goes to the node and back, so that it tells of the network, too; a millisecond where that is fast.
"""

import enum
import os
import socket
import struct
import time
from pathlib import Path

VERSION = 4
HELLO, NEW_SESSION = 0x00000001, 0x10000002
FAILURES = (0x80000002, 0x80000003)  # denied, refused: the node said so, or the process that holds the connection
OPENED = 0x80000006
NO_ESCAPE = 0xFFFFFFFF
LONGEST = 1 << 16  # bytes of a message; theirs have some dozens


class Answer(enum.Enum):
    """What became of a question: nobody holds a connection; somebody does, but the node is silent; the node answers."""

    GONE = enum.auto()
    SILENT = enum.auto()
    ALIVE = enum.auto()


def ask(path: Path, patience: float) -> Answer:
    """Open a session over the connection whose control socket this is, and tell what came of it.

    Args:
        patience: seconds until the node counts as silent.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        until = time.monotonic() + patience
        try:
            control.settimeout(patience)
            control.connect(str(path))
            _send(control, struct.pack(">II", HELLO, VERSION))
            _receive(control, until)
            _open_session(control)
            said = struct.unpack(">I", _receive(control, until)[:4])[0]
        except TimeoutError:
            return Answer.SILENT
        except (OSError, EOFError, struct.error):
            return Answer.GONE
        return Answer.ALIVE if said == OPENED or said in FAILURES else Answer.GONE


def _open_session(control: socket.socket) -> None:
    """Ask for a session that runs `true`, with nothing to read and nobody to hear it."""
    flags = struct.pack(">5I", 0, 0, 0, 0, NO_ESCAPE)  # no terminal, X11, agent or subsystem
    texts = b"".join(struct.pack(">I", len(text)) + text for text in (b"", b"true"))
    _send(control, struct.pack(">II", NEW_SESSION, 1) + struct.pack(">I", 0) + flags + texts)
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for _ in range(3):
            socket.send_fds(control, [b"\0"], [nothing])
    finally:
        os.close(nothing)


def _send(control: socket.socket, message: bytes) -> None:
    control.sendall(struct.pack(">I", len(message)) + message)


def _receive(control: socket.socket, until: float) -> bytes:
    """Return the next message."""
    return _read(control, min(struct.unpack(">I", _read(control, 4, until))[0], LONGEST), until)


def _read(control: socket.socket, count: int, until: float) -> bytes:
    found = b""
    while len(found) < count:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        control.settimeout(left)
        piece = control.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found
