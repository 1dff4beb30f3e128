"""
References in the variables of a project: ``${DATABASE_URL}``, or a part of an address, ``${DATABASE_URL.host}``.
So an application finds under the names that it reads what kraftwerk says under its own.
"""

import platform
import re
import urllib.parse

__virtualname__ = "kw_reference"
REFERENCE = re.compile(r"\$(\$)?\{(\w+)(?:\.(\w+))?\}")
PORTS = {"postgresql": "5432", "postgres": "5432", "mysql": "3306", "redis": "6379", "rediss": "6379"}
PARTS = ("scheme", "user", "password", "host", "port", "name", "address")


def __virtual__():
    """Load on Linux only, as the modules that use it."""
    if platform.system() != "Linux":
        return False, "kw_reference: instances run on Linux nodes only"
    return __virtualname__


def resolved(environ, known):
    """
    Variables with their references replaced; ``$${…}`` stays as ``${…}``.

    environ
        The project's own variables, by name.
    known
        All variables that a reference may name, by name.

    Raises ``ValueError`` for a reference to a variable that there isn't, and to a part that addresses don't have.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_reference.resolved '{DB: "${DATABASE_URL.name}"}' '{DATABASE_URL: "postgresql:///shop"}'
    """
    return {key: text(key, environ, known) for key in environ}


def text(name, environ, known, above=()):
    """
    One variable with its references replaced, also those of variables of the project that it refers to.

    name
        The variable.
    environ
        The project's own variables, by name.
    known
        All variables that a reference may name, by name.
    above
        The variables that led here, so that none refers to itself by way of others.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_reference.text DB '{DB: "${DATABASE_URL.name}"}' '{DATABASE_URL: "postgresql:///shop"}'
    """
    names = (*above, name)
    return REFERENCE.sub(lambda match: _one(match, environ, known, names), str(environ[name]))


def part(address, name):
    """
    A part of an address.

    address
        Such as ``postgresql://user@%2Frun%2Fpostgresql/shop``.
    name
        ``scheme``, ``user``, ``password``, ``host``, ``port`` (the usual one where it has none), ``name`` (the path
        without its slash) or ``address``: all without the scheme, for SQLAlchemy and others that know a socket only
        behind a question mark. A server on a socket has that as its host.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_reference.part postgresql://shop@db.example.com/shop host
    """
    parts = urllib.parse.urlsplit(address)
    options = dict(urllib.parse.parse_qsl(parts.query))
    socket = options.get("unix_socket") or options.get("host")
    place = parts.netloc.rpartition("@")[2]
    found = {
        "scheme": parts.scheme,
        "user": urllib.parse.unquote(parts.username or options.get("user", "")),
        "password": urllib.parse.unquote(parts.password or options.get("password", "")),
        "host": socket or urllib.parse.unquote(parts.hostname or ""),
        "port": str(_port(place) or options.get("port") or PORTS.get(parts.scheme.partition("+")[0], "")),
        "name": urllib.parse.unquote(parts.path[1:]),
        "address": address.partition("://")[2],
    }
    if "%2f" in place.lower():  # a socket's path: in a URL the case of a host's name doesn't count, here it does
        found["host"] = urllib.parse.unquote(place.partition(":")[0])
        query = "&".join(filter(None, [f"host={found['host']}", parts.query]))
        found["address"] = f"{parts.netloc.rpartition('@')[0]}@{parts.path}?{query}"
    return found[name]


def _port(place):
    return place.rpartition(":")[2] if re.search(r":\d+$", place) else ""


def _one(match, environ, known, names):
    """What one reference comes to, in the last of some variables, each of which refers to the next."""
    escaped, name, wanted = match.groups()
    if escaped:
        return match[0][1:]
    key = names[-1]
    own = name in environ and name in known and known[name] == str(environ[name])  # else kraftwerk's, or a secret
    if name not in known or (own and name in names):
        raise ValueError(f"{key} refers to {name}, which nothing says; a $ that is meant as one is written $$")
    value = text(name, environ, known, names) if own else known[name]
    if not wanted:
        return value
    if wanted not in PARTS:
        raise ValueError(f"{key} refers to {name}.{wanted}; there are {', '.join(PARTS)}")
    return part(value, wanted)
