"""Runs on a node, as an argument of python3: takes kraftwerk's modules from stdin as a zip, and makes one call.

stdin holds two parts, each after its length in ten digits: the zip, and the call for `kw_call._serve`. Nothing is left
on the node: the zip stands in memory only. What follows on stdin is the function's own, or else watched for its end.
"""

import os
import sys


def part() -> bytes:
    """Read one part."""
    return exactly(int(exactly(10)))


def exactly(size: int) -> bytes:
    """Read that many bytes, unbuffered, so that nothing behind them is taken away."""
    pieces = []
    while size:
        piece = os.read(0, min(size, 1 << 20))
        if not piece:
            sys.exit("the connection broke before anything was done")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


memory = os.memfd_create("kraftwerk")
os.write(memory, part())
sys.path.insert(0, "/proc/self/fd/" + str(memory))
import kw_call  # type: ignore[import-not-found]  # noqa: E402 - it is in the zip

sys.exit(kw_call._serve(part()))
