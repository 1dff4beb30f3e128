"""
The service mysql: an account and a database per instance on Debian's MariaDB, reached over its socket without a
password; or a MariaDB or MySQL elsewhere, by its URL.

The database is called like the instance, its account like the system user that the instance runs as. Every function
takes the instance's name. Errors of the server's programs are raised as ``RuntimeError`` with their last words.
"""

import os
import platform
import urllib.parse

__virtualname__ = "kw_mysql"
MEMBER, EVENTS = "mysql.sql.zst", "mysql.events.sql"
PARTS = ("tables", "database", "owner", "clients")
# Tells drivers of Python to encrypt, in the one way that all of them understand; services/mysql has it there.
CLIENT_FILE = "/etc/mysql/kraftwerk-client.cnf"
MISSING = """
SELECT 'account' FROM (SELECT 1) one WHERE NOT EXISTS (SELECT 1 FROM mysql.user
  WHERE user = {user} AND host = 'localhost' AND plugin = 'unix_socket')
UNION ALL SELECT 'open' FROM mysql.user WHERE user = {user} AND host = 'localhost' AND max_user_connections = 1
UNION ALL SELECT 'database' FROM (SELECT 1) one WHERE NOT EXISTS (SELECT 1 FROM information_schema.schemata
  WHERE schema_name = {database})
UNION ALL SELECT 'rights' FROM (SELECT 1) one WHERE NOT EXISTS (SELECT 1 FROM mysql.db
  WHERE user = {user} AND host = 'localhost' AND REPLACE(db, '\\\\', '') = {database} AND event_priv = 'Y')
"""


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_mysql: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about its database.

    instance
        Name of the instance. ``DATABASE_URL`` is this database's unless the instance has postgres as well.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.environ mysite
    """
    server = _server(instance)
    return _environ(server, server.database)


def url(instance, host, password):
    """
    The address of an instance's database for a client on another node, where it is encrypted.

    instance
        Name of the instance.
    host
        Address of the node that the server is on.
    password
        The one that the instance has there.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.url mysite 192.0.2.7 secret
    """
    login = f"web-{instance}:{urllib.parse.quote(password, safe='')}"
    return f"mysql://{login}@{host}:3306/{instance}?charset=utf8mb4&read_default_file={CLIENT_FILE}"


def health(instance):
    """
    Whether the instance's own user gets an answer from its database, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.health mysite
    """
    try:
        server = _server(instance)
        server.sql("SELECT 1", server.database, admin=False)
    except (RuntimeError, OSError) as error:
        return {"ok": False, "detail": str(error)}
    return {"ok": True, "detail": f"database {server.database} answers"}


def inspect(instance, detail=False):
    """
    What the database holds now: the server's version, the size in bytes, and counts of tables, rows and the rest.

    instance
        Name of the instance.
    detail
        Also list the largest tables, with their rows and bytes. Default: ``False``.

    Raises ``RuntimeError`` where the database doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.inspect mysite detail=True
    """
    server = _server(instance)
    sizes, counts = __salt__["kw_mysqlcount.sizes"](instance), __salt__["kw_mysqlcount.of"](instance, server.database)
    # MariaDB 10.11 reads what 10.6 wrote, and not the other way round: the second number counts, too.
    found = {"version": server.version(), "numbers": 2, "size": sum(sizes.values()), "counts": counts}
    if detail:
        found["detail"] = {"tables": __salt__["kw_look.largest"](counts["rows_by_table"], sizes)}
    return found


def missing(instance):
    """
    What a database needs and isn't there yet: any of ``account``, ``database``, ``rights``, ``open`` and ``clients``.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.missing mysite
    """
    server = _server(instance)
    if server.outside:
        server.sql("SELECT 1", server.database)
        return []
    found = server.column(MISSING, user=server.user, database=server.database)
    return found + ["clients"] * (not __salt__["kw_mysqlclient.are_right"](instance))


def create(instance):
    """
    Make the account and the database, or mend them: what an interrupted load left is ended or undone.

    instance
        Name of the instance.

    Returns what was missing. Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.create mysite
    """
    server, parts = _server(instance), missing(instance)
    if "account" in parts:
        server.sql(f"CREATE OR REPLACE USER {server.account} IDENTIFIED VIA unix_socket")
    if "open" in parts:
        __salt__["kw_mysqlswap.settle"](instance)
        server.sql(f"ALTER USER {server.account} WITH MAX_USER_CONNECTIONS 0")
    if "database" in parts:
        server.sql(f"CREATE DATABASE {_name(server.database)} CHARACTER SET utf8mb4")
    if "rights" in parts or "account" in parts:
        server.sql(f"GRANT ALL PRIVILEGES ON {server.pattern(server.database)}.* TO {server.account}")
    if "clients" in parts:
        __salt__["kw_mysqlclient.put_right"](instance)
    return parts


def dump(instance, target):
    """
    Dump the database at one moment. What is counted is what the dump holds.

    instance
        Name of the instance.
    target
        Folder on the node that the members are written into, or the stream of an archive.

    Returns ``version``, ``members`` (``name``, ``size`` in bytes, ``sha256``), ``counts`` and ``consistency``. Raises
    ``RuntimeError`` where the server's programs fail; the half-written member is removed then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.dump mysite /web/mysite/dump/20261120T1012
    """
    return __salt__["kw_mysqldump.write"](instance, target)


def prepare(instance, source, token):
    """
    Load a dump beside the present data, which stays as it is.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the members.
    token
        A word for this load: 8 to 16 lower-case letters and digits.

    Returns ``counts`` and the ``environ`` by which the instance's own user reaches what was loaded. Raises
    ``RuntimeError`` where anything fails; nothing is left of it then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.prepare mysite /web/mysite/dump/20261120T1012 0123456789ab
    """
    create(instance)
    server, new, events = _server(instance), _scratch(instance, token), os.path.join(source, EVENTS)
    try:
        __salt__["kw_mysqlswap.make"](instance, token, events)
        __salt__["kw_mysqldump.read"](instance, source, new)
        counts = __salt__["kw_mysqlcount.of"](instance, new, events)
    except BaseException:
        discard(instance, token)
        raise
    return {"counts": counts, "environ": _environ(server, new)}


def activate(instance, token):
    """
    Let loaded data take the present data's place, in a moment. A second call does nothing.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.

    Raises ``RuntimeError`` where it fails; the old data is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.activate mysite 0123456789ab
    """
    _scratch(instance, token)
    __salt__["kw_mysqlswap.swap"](instance, token)


def discard(instance, token):
    """
    Remove what ``prepare`` made. Does nothing where there is nothing.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.discard mysite 0123456789ab
    """
    _scratch(instance, token)
    __salt__["kw_mysqlswap.settle"](instance, token)


def load(instance, source):
    """
    Replace the database by a dumped one: it is loaded beside the old one, and takes its place when all went well.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the members.

    Returns the counts of the new database. Raises ``RuntimeError`` where anything fails; the old data is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.load mysite /web/mysite/dump/20261120T1012
    """
    token = os.urandom(6).hex()
    counts = prepare(instance, source, token)["counts"]
    activate(instance, token)
    return counts


def script(instance, token, text):
    """
    Run SQL on what ``prepare`` loaded, as the instance's own user.

    instance
        Name of the instance.
    token
        The word that ``prepare`` was given.
    text
        SQL. It ends at the first error.

    Raises ``RuntimeError`` with what the server said.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.script mysite 0123456789ab "UPDATE auth_user SET email = 'nobody@example.com'"
    """
    _server(instance).run([*__salt__["kw_mysqlserver.client"](), _scratch(instance, token)], admin=False, text=text)


def console(instance):
    """
    The interactive client for the instance's database: ``argv``, ``environ`` and the ``user`` that runs it.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.console mysite
    """
    server = _server(instance)
    found = server.variables(server.database)
    secrets = {key: found[key] for key in ("MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_PWD") if key in found}
    argv = ["mariadb", *server.manners(), f"--user={found['MYSQL_USER']}", server.database]
    return {"argv": argv, "environ": secrets, "user": server.user}


def remnants(instance):
    """
    What is still there of an instance's data: any of ``tables``, ``database``, ``owner``, and ``clients`` where not
    just the nodes are let in that its options name.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.remnants mysite
    """
    server = _server(instance)
    full = not __salt__["kw_mysqlcount.is_empty"](instance)
    if server.outside:
        return ["tables"] * full
    gone = missing(instance)
    there = {"tables": full, "database": "database" not in gone, "owner": "account" not in gone}
    return [part for part in there if there[part]] + ["clients"] * ("clients" in gone)


def drop(instance, what):
    """
    Delete data of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` (everything in the database), ``database``, ``owner`` (the account), or ``clients`` (shuts out nodes
        that its options don't name).

    Returns whether there was something. Raises ``ValueError`` for another word, ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysql.drop mysite database
    """
    __salt__["kw_service.check_part"](what, PARTS)
    __salt__["kw_mysqlswap.settle"](instance)
    if what not in remnants(instance):
        return False
    server = _server(instance)
    if what == "tables":
        __salt__["kw_mysqlswap.empty"](instance)
    elif what == "database":
        server.sql(f"DROP DATABASE {_name(server.database)}")
    elif what == "clients":
        __salt__["kw_mysqlclient.put_right"](instance)
    else:
        __salt__["kw_mysqlclient.remove"](instance)
        server.sql(f"DROP USER {server.account}")
    return True


def _environ(server, database):
    """The variables that lead to a database."""
    found = server.variables(database)
    if "postgres" not in __salt__["kw_service.names"](server.instance):
        found["DATABASE_URL"] = found["MYSQL_URL"]
    return found


def _scratch(instance, token):
    """The database that a load fills."""
    return __salt__["kw_mysqlswap.scratch"](instance, __salt__["kw_name.token"](token))


def _server(instance):
    return __salt__["kw_mysqlserver.of"](instance)


def _name(word):
    return __salt__["kw_mysqlserver.name"](word)
