"""Ports for servers that bind them a while later: none that the kernel could give to a connection meanwhile."""

import errno
import random
import socket
from pathlib import Path

LOWEST = 20000


def free_port(host="127.0.0.1"):
    """Return a port that nobody listens on, below those that outgoing connections have; `host` is an address here."""
    above = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(LOWEST, above)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
            return port
