"""
The accounts by which an instance reaches its MariaDB from other nodes: one for each node's address, with a password.

They follow from the options of the service mysql: ``clients`` (addresses by the names of nodes) and ``password``.
"""

import platform

__virtualname__ = "kw_mysqlclient"
HOSTS = "SELECT host FROM mysql.user WHERE user = {user} AND host <> 'localhost'"
RIGHT = f"{HOSTS} AND authentication_string = PASSWORD({{password}})"


def __virtual__():
    """Load on Linux only, as the module of the server does."""
    if platform.system() != "Linux":
        return False, "kw_mysqlclient: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def are_right(instance):
    """
    Whether each other node has its account with the right password, and no other address has one.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.are_right mysite
    """
    server, wanted, password = _wanted(instance)
    hosts = server.column(HOSTS, user=server.user)
    return sorted(hosts) == wanted == sorted(server.column(RIGHT, user=server.user, password=password))


def put_right(instance):
    """
    Make the accounts of other nodes, and remove those of nodes that have none any more.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlclient.put_right mysite
    """
    server, wanted, password = _wanted(instance)
    if wanted and not password:
        raise RuntimeError("services.mysql.password: other nodes come in by a password, and there is none")
    remove(instance)
    text = __salt__["kw_mysqlserver.text"]
    for host in wanted:
        account = f"{text(server.user)}@{text(host)}"
        server.sql(f"CREATE OR REPLACE USER {account} IDENTIFIED BY {text(password)}")
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


def _wanted(instance):
    """The server, the addresses that the instance shall be let in from, sorted, and its password."""
    options = __salt__["kw_service.options"](instance, "mysql")
    server = __salt__["kw_mysqlserver.of"](instance)
    return server, sorted((options.get("clients") or {}).values()), options.get("password", "")
