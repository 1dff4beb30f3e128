"""
The accounts by which an instance reaches its MariaDB from other nodes: one for each node's address, with a password,
and encrypted or not at all.

They follow from the options of the service mysql: ``clients`` (addresses by the names of nodes) and ``password``. The
server never sees the password: it gets what it would have made of it. An address that has left is locked and not
dropped: views and routines that were made from there go on under its account's name.
"""

import hashlib
import platform

__virtualname__ = "kw_mysqlclient"
HOSTS = "SELECT host FROM mysql.global_priv WHERE user = {user} AND host <> 'localhost'"
LET_IN = f"{HOSTS} AND COALESCE(JSON_VALUE(priv, '$.account_locked'), '0') IN ('0', 'false')"
RIGHT = """
SELECT host FROM mysql.user
WHERE user = {user} AND host <> 'localhost' AND authentication_string = {verifier} AND ssl_type = 'ANY'
"""


def __virtual__():
    """Load on Linux only, as the module of the server does."""
    if platform.system() != "Linux":
        return False, "kw_mysqlclient: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def are_right(instance):
    """
    Whether each other node has its account with the right password, and no other address is let in.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.are_right mysite
    """
    server, wanted, password = _wanted(instance)
    let_in = set(server.column(LET_IN, user=server.user))
    return let_in == wanted and not wanted - _right(server, password)


def put_right(instance):
    """
    Make the accounts of other nodes, and lock those of nodes that use it no more.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where other nodes use it and no password is said.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.put_right mysite
    """
    server, wanted, password = _wanted(instance)
    if wanted and not password:
        raise RuntimeError("services.mysql.password: other nodes come in by a password, and there is none")
    text, let_in = __salt__["kw_mysqlserver.text"], set(server.column(LET_IN, user=server.user))
    for host in sorted(let_in - wanted):
        server.sql(f"ALTER USER {text(server.user)}@{text(host)} ACCOUNT LOCK")
    for host in sorted(wanted - (let_in & _right(server, password))):
        account = f"{text(server.user)}@{text(host)}"
        by = f"VIA mysql_native_password USING {text(verifier(password))}"
        server.sql(f"CREATE OR REPLACE USER {account} IDENTIFIED {by} REQUIRE SSL")
        for end in ("", "~%"):  # a load fills a database beside
            server.sql(f"GRANT ALL PRIVILEGES ON {server.pattern(server.database, end)}.* TO {account}")


def remove(instance):
    """
    Remove the accounts of other nodes.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.remove mysite
    """
    server, text = _wanted(instance)[0], __salt__["kw_mysqlserver.text"]
    for host in server.column(HOSTS, user=server.user):
        server.sql(f"DROP USER {text(server.user)}@{text(host)}")


def verifier(password):
    """
    What a server keeps of a password.

    password
        In plain text.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.verifier secret
    """
    inner = hashlib.sha1(password.encode(), usedforsecurity=False).digest()  # the protocol's own, inside of TLS
    return f"*{hashlib.sha1(inner, usedforsecurity=False).hexdigest().upper()}"


def _right(server, password):
    """The addresses whose accounts have this password, and want encryption."""
    return set(server.column(RIGHT, user=server.user, verifier=verifier(password)))


def _wanted(instance):
    """The server, the addresses that the instance shall be let in from, and its password."""
    options = __salt__["kw_service.options"](instance, "mysql")
    server = __salt__["kw_mysqlserver.of"](instance)
    return server, set((options.get("clients") or {}).values()), options.get("password", "")
