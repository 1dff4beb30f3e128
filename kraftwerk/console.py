"""The client programs of services: psql and its like, on the node, with all that they need to know."""

from collections.abc import Sequence
from typing import NoReturn

from kraftwerk import dump, nodeprogram, oneoff
from kraftwerk.errors import KraftwerkError
from kraftwerk.remote import program
from kraftwerk.target import Target


def open_client(target: Target, service: str, arguments: Sequence[str]) -> NoReturn:
    """Become a service's client program on the node, with our terminal where there is one, else stdin and stdout.

    Args:
        service: one of the instance's.
        arguments: added to the program's own.

    Raises:
        KraftwerkError: the instance has no such service (code 2), or that has no client.
    """
    instance, known = target.instance.name, dump.deployed(target).services
    if service not in known:
        has = ", ".join(known) or "no services"
        cause = f"{instance} on {target.node.name} has no {service}; it has {has}"
        raise KraftwerkError(cause, next_command="kraftwerk console SERVICE", code=2)
    try:
        file = nodeprogram.call(target.connection, "kw_look.console", instance, service)
    except KraftwerkError as error:
        advice = error.next_command or f"kraftwerk inspect {service}; kraftwerk shell opens a shell of the site"
        raise KraftwerkError(error.cause, next_command=advice, code=error.code) from error
    oneoff.become(target.connection, ["python3", "-ISc", program("console"), str(file), *arguments])
