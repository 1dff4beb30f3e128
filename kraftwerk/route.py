"""The way from one node to another, as its kernel knows it: not the way that the admin has."""

from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.transport import Connection


def address(connection: Connection, host: str, advice: str) -> str:
    """Return the address that a node has towards a host: what that host sees it come from.

    Args:
        advice: the key that names another host.

    Raises:
        KraftwerkError: the node can't be reached, or finds no way to the host.
    """
    answer = connection.run(["python3", "-Ic", program("route"), host], check=False)
    if answer.returncode:
        raise KraftwerkError(f"{connection.node.name} doesn't find the way to {host}", next_command=advice)
    return answer.stdout.decode().strip()
