"""A part of an instance: the data of some of its services on another node than the one that it runs on.

It is recorded as an instance of that name without an application, beside the node's own instances. Each of its
services' options has, besides those that the files give, `clients` (the addresses of the nodes that use it, by name)
and `listen` (this node's addresses for them, by the same names).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from kraftwerk.instance import Instance
from kraftwerk.service import HOST, NODE

CLIENTS, LISTEN = "clients", "listen"
Options = dict[str, dict[str, Any]]


def of(instance: Instance, services: Iterable[str], client: str, address: str, listen: str) -> Instance:
    """Return the part of an instance that holds some of its services' data for one client.

    Args:
        client: the node that the instance runs on.
        address: its address, as seen from the node with the data.
        listen: that node's address, as seen from the client.
    """
    options = {
        name: {
            **{key: value for key, value in instance.options.get(name, {}).items() if key not in (NODE, HOST)},
            CLIENTS: {client: address},
            LISTEN: {client: listen},
        }
        for name in services
    }
    return _part(instance, options)


def merged(known: Instance | None, wanted: Instance) -> Instance:
    """Return a part with what is wanted of it, besides what it holds already.

    Args:
        known: as the node has it.
        wanted: from `of`.
    """
    options: Options = {name: dict(given) for name, given in (known.options if known else {}).items()}
    for name, new in wanted.options.items():
        old = options.get(name, {})
        both = {key: {**old.get(key, {}), **new.get(key, {})} for key in (CLIENTS, LISTEN)}
        options[name] = {**new, **both}
    return _part(wanted, options)


def confined(known: Instance, client: str, services: Collection[str] = ()) -> Instance:
    """Return a part that a client uses for these services only; other clients, and services without any, stay."""
    options: Options = {name: dict(given) for name, given in known.options.items()}
    for given in (given for name, given in options.items() if name not in services):
        for key in (CLIENTS, LISTEN):
            given[key] = {name: value for name, value in given.get(key, {}).items() if name != client}
    return _part(known, options)


def clients(part: Instance) -> list[str]:
    """Return the names of the nodes that use a part."""
    return sorted({name for given in part.options.values() for name in given.get(CLIENTS, {})})


def leaving(part: Instance, remove: tuple[str, ...]) -> Instance:
    """Return a part on its way out: nobody uses it any more, and what `remove` names goes."""
    return replace(part, present=False, remove=remove)


def _part(instance: Instance, options: Mapping[str, dict[str, Any]]) -> Instance:
    return Instance(
        name=instance.name,
        project=instance.project,
        environment=instance.environment,
        wsgi="",
        services=tuple(sorted(options)),  # as they come back from a file
        options=options,
    )
