"""
The service postgres: a role and a database per instance on Debian's server, reached by peer login over its socket.

The database is called like the instance, its role like the system user that the instance runs as. Every function takes
the instance's name. Errors of the server's programs are raised as ``RuntimeError`` with their last words.
"""

import platform
import secrets
import urllib.parse

__virtualname__ = "kw_postgres"
PARTS = ("tables", "database", "owner")
# Whether there is anything of the instance's own in its database.
FILLED = """
SELECT EXISTS (SELECT FROM pg_largeobject_metadata) OR EXISTS (SELECT FROM (
    SELECT 'pg_class'::regclass AS class, oid, relnamespace AS space FROM pg_class
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type WHERE typtype IN ('e', 'd', 'r')) AS own
  JOIN pg_namespace n ON n.oid = space
  WHERE nspname !~ '^(pg_|information_schema)'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = own.oid AND deptype = 'e'))
"""
# What an instance lacks, as a list of words.
MISSING = """
SELECT to_json(array_remove(
  ARRAY[CASE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') THEN 'role' END,
        CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = :'role' AND NOT rolcanlogin) THEN 'login' END,
        CASE WHEN d.oid IS NULL THEN 'database' END,
        CASE WHEN pg_get_userbyid(d.datdba) <> :'role' THEN 'owner' END,
        CASE WHEN has_database_privilege('public', d.oid, 'CONNECT') THEN 'private' END,
        CASE WHEN NOT d.datallowconn THEN 'open' END], NULL))
FROM (SELECT) AS one LEFT JOIN pg_database d ON d.datname = :'name'
"""
# In the order of MISSING.
MENDING = {
    "role": 'CREATE ROLE :"role" LOGIN',
    "login": 'ALTER ROLE :"role" LOGIN',  # made for a grant in another site's dump
    "owner": 'ALTER DATABASE :"name" OWNER TO :"role"',
    "private": 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC',
    "open": 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true',
}


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_postgres: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says about its database.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.environ mysite
    """
    server = _server(instance)
    return {"DATABASE_URL": server.address if server.outside else server.url(server.database)}


def url(instance, host, password):
    """
    The address by which another node reaches the database of an instance on this one.

    instance
        Name of the instance.
    host
        Address or name of this node, as it stands in a URL.
    password
        Of the role, in plain text.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.url mysite db1 secret
    """
    return f"postgresql://web-{instance}:{urllib.parse.quote(password, safe='')}@{host}:5432/{instance}?sslmode=require"


def health(instance):
    """
    Whether the instance's own user gets an answer from its database, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.health mysite
    """
    try:
        server = _server(instance)
        server.sql("SELECT 1", admin=False)
    except (RuntimeError, ValueError, OSError) as error:
        return {"ok": False, "detail": str(error)}
    return {"ok": True, "detail": f"database {server.database} answers"}


def inspect(instance, detail=False):
    """
    What the database holds now: the server's version, the size in bytes, and counts of tables and rows.

    instance
        Name of the instance.
    detail
        Also the largest tables, as ``detail: {"tables": [{"name", "count" of rows, "size" in bytes}, …]}``.

    Raises ``RuntimeError`` where the database doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.inspect mysite detail=true
    """
    server = _server(instance)
    size = int(server.sql("SELECT pg_database_size(current_database())"))
    found = {"version": server.version(), "size": size, "counts": __salt__["kw_pgdump.count"](instance)}
    if detail:
        sizes = __salt__["kw_pgdump.sizes"](instance)
        found["detail"] = {"tables": __salt__["kw_look.largest"](found["counts"]["rows_by_table"], sizes)}
    return found


def missing(instance):
    """
    What a database needs and isn't there yet: any of ``role``, ``login``, ``database``, ``owner``, ``private``
    and ``open``, and where other nodes use it ``password`` and ``createdb``. Nothing where it is on a server elsewhere.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.missing mysite
    """
    server = _server(instance)
    if server.outside:
        return []
    parts = server.query(MISSING, "postgres", name=server.database, role=server.role)
    return parts + __salt__["kw_pgrole.missing"](instance)


def create(instance):
    """
    Make the role and the database, or mend them: owner right, closed to other roles, open to its own.

    instance
        Name of the instance.

    Returns what was missing. Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.create mysite
    """
    parts, server = missing(instance), _server(instance)
    for part in parts:
        if part == "database":
            __salt__["kw_pgload.create"](instance, server.database)
        elif part in ("password", "createdb"):
            __salt__["kw_pgrole.mend"](instance, part)
        else:
            server.sql(MENDING[part], "postgres", name=server.database, role=server.role)
    return parts


def dump(instance, target):
    """
    Dump the database, and count its rows in the very same snapshot.

    instance
        Name of the instance.
    target
        Folder on the node for the member files, or the stream of an archive.

    Returns ``version``, ``members`` (``name``, ``size`` in bytes, ``sha256``), ``counts`` and ``consistency``. Raises
    ``RuntimeError`` where the server's programs fail or are older than the server.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.dump mysite /web/mysite/dump/20261120T1012
    """
    return __salt__["kw_pgdump.dump"](instance, target)


def prepare(instance, source, token):
    """
    Load a dump beside the present database, which is untouched. What loads before this one left is removed.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member files.
    token
        Names this load: 8 to 16 letters and digits.

    Returns ``counts``, ``environ`` (the variables that address what was loaded, for the instance's own user) and
    ``notes``: lines on what the dump holds and this server can't have. Raises ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.prepare mysite /web/mysite/dump/20261120T1012/postgres abcd1234
    """
    create(instance)
    server = _server(instance)
    if server.outside and not server.beside:
        return __salt__["kw_pginplace.prepare"](instance, source, token)
    done = __salt__["kw_pgload.prepare"](instance, source, token)
    environment = {"DATABASE_URL": server.url(done["database"])}
    return {"counts": done["counts"], "environ": environment, "notes": done["notes"]}


def activate(instance, token):
    """
    Put what was prepared in the place of the present database, which stays aside until ``discard``.

    instance
        Name of the instance.
    token
        The load's.

    Returns whether it was done now: a second call has nothing to do. Raises ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.activate mysite abcd1234
    """
    way = "kw_pginplace" if __salt__["kw_pginplace.noted"](instance, token) else "kw_pgload"
    return __salt__[f"{way}.activate"](instance, token)


def discard(instance, token):
    """
    Remove what a load made or replaced, whether it was activated or not: all but the present database.

    instance
        Name of the instance.
    token
        The load's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.discard mysite abcd1234
    """
    __salt__["kw_pginplace.discard"](instance)
    __salt__["kw_pgload.clear"](instance)


def load(instance, source):
    """
    Replace the database by a dumped one: it is loaded beside the old one, and both swap names when all went well.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member files.

    Returns the counts of the new database. Raises ``RuntimeError`` where anything fails; the old data is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.load mysite /web/mysite/dump/20261120T1012
    """
    token = secrets.token_hex(4)
    try:
        counts = prepare(instance, source, token)["counts"]
        activate(instance, token)
    finally:
        discard(instance, token)
    return counts


def script(instance, token, text):
    """
    Run SQL on a prepared database, as the instance's role and in one transaction.

    instance
        Name of the instance.
    token
        The load's.
    text
        The SQL.

    Returns what it printed. Raises ``RuntimeError`` with the server's words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.script mysite abcd1234 "UPDATE auth_user SET email = ''"
    """
    if __salt__["kw_pginplace.noted"](instance, token):
        return __salt__["kw_pginplace.script"](instance, token, text)
    server = _server(instance)
    command = ["psql", "-Xq", "--set=ON_ERROR_STOP=1", "--single-transaction", "--file=-"]
    return server.run(command, __salt__["kw_pgload.prepared"](instance, token), admin=False, text=text)


def console(instance):
    """
    How to open the server's own client on the database: ``argv``, ``environ`` and ``user``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.console mysite
    """
    user, environment = _server(instance).login(admin=False)
    return {"argv": ["psql"], "environ": environment, "user": user}


def remnants(instance):
    """
    What is still there of an instance's data: any of ``tables``, ``database``, ``owner``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.remnants mysite
    """
    gone, server = missing(instance), _server(instance)
    if server.outside:
        return []  # what is elsewhere isn't the node's to delete
    if "database" in gone:
        return [] if "role" in gone else ["owner"]
    filled = server.sql(FILLED) == "t"
    return ["tables"] * filled + ["database"] + ["owner"] * ("role" not in gone)


def drop(instance, what):
    """
    Delete data of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` (everything in the database), ``database`` or ``owner`` (the role, once its database is gone).

    Returns whether there was something. Raises ``ValueError`` for another word, ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.drop mysite database
    """
    __salt__["kw_service.check_part"](what, PARTS)
    __salt__["kw_pgload.clear"](instance)
    if what not in remnants(instance):
        return False
    server = _server(instance)
    if what in ("tables", "database"):
        __salt__["kw_pgload.drop"](instance, server.database)
    if what == "tables":
        __salt__["kw_pgload.create"](instance, server.database)
    if what == "owner":
        server.sql('DROP ROLE :"role"', "postgres", role=server.role)
    return True


def _server(instance):
    return __salt__["kw_pgserver.of"](instance)
