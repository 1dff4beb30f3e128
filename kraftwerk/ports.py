"""Ports for servers that bind them a while later, and again: none that the kernel gives to a connection meanwhile."""

import errno
import random
import socket
from pathlib import Path

LOWEST = 20000
OUTGOING = 49152  # where those of outgoing connections begin, by RFC 6335 and on macOS; Linux tells its own
ENOUGH = 1000


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on, below those that outgoing connections have.

    Args:
        host: an address of this computer.

    Raises:
        OSError: it isn't one.
    """
    above = _outgoing()
    while True:
        port = random.randrange(LOWEST, above if above >= LOWEST + ENOUGH else 1 << 16)  # noqa: S311 - not for secrets
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            return port


def _outgoing() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except FileNotFoundError:
        return OUTGOING
