"""The way to a node: one multiplexed OpenSSH connection that commands, streams, rsync and Salt share."""

from kraftwerk.transport.connection import Connection, as_root_here, control_socket, ssh_options
from kraftwerk.transport.unreachable import GUEST, UNREACHABLE, penalty, unreachable

__all__ = [
    "GUEST",
    "UNREACHABLE",
    "Connection",
    "as_root_here",
    "control_socket",
    "penalty",
    "ssh_options",
    "unreachable",
]
