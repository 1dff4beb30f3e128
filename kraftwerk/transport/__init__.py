"""The way to a node: one multiplexed OpenSSH connection that commands, streams, rsync and Salt share."""

from kraftwerk.transport.connection import GUEST, UNREACHABLE, Connection, as_root_here, ssh_options, unreachable

__all__ = ["GUEST", "UNREACHABLE", "Connection", "as_root_here", "ssh_options", "unreachable"]
