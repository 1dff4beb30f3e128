"""
Loading a dump of PostgreSQL beside the present data, and swapping both by name. For the module kw_postgres.

A load of the instance `mysite` goes to the database ``mysite.kw.<token>.part``, which becomes ``mysite.kw.<token>``
when it is whole; the swap makes the present one ``mysite.kw.<token>.old``. What begins with ``mysite.kw.`` is ours.
"""

import contextlib
import platform
import re

__virtualname__ = "kw_pgload"
SETTING = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)*", re.ASCII)
LONGEST = 36  # bytes of a database's name that come through in those of its loads, which the server cuts at 63
LEFT = "SELECT datname FROM pg_database WHERE starts_with(datname, :'prefix') ORDER BY 1"
DISCONNECT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname IN (:'name', :'new') AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
# The first rename takes a lock: who connects from then on waits, so that it ends as soon as the others are gone.
SWAP = 'BEGIN; ALTER DATABASE :"name" RENAME TO :"old"; ALTER DATABASE :"new" RENAME TO :"name"; COMMIT'
# A server keeps a database that subscribes to another; what waits for it there is the other's to remove.
SUBSCRIBED = """
SELECT subname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = :'name'
"""
UNSUBSCRIBE = """
ALTER SUBSCRIPTION :"n" DISABLE; ALTER SUBSCRIPTION :"n" SET (slot_name = NONE); DROP SUBSCRIPTION :"n"
"""
DROP = 'DROP DATABASE IF EXISTS :"name" WITH (FORCE)'
RENAME = 'ALTER DATABASE :"part" RENAME TO :"name"'
PRIVATE = 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC'
UTF8 = {"encoding": "UTF8", "collate": "C.UTF-8", "ctype": "C.UTF-8"}
PRIVILEGES = ("CONNECT", "CREATE", "TEMPORARY")


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pgload: instances run on Linux nodes only"
    return __virtualname__


def prepare(instance, source, token):
    """
    Load a dump beside the present database.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node with the members of the dump.
    token
        Names this load: 8 to 16 letters and digits.

    Returns ``database``, its name, ``counts`` and ``notes``, lines on what the dump holds and this server can't have.
    Raises ``RuntimeError`` where it can't be loaded; whether it fits this server is found out before anything is made.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.prepare mysite /web/mysite/dump/20261120T1012/postgres abcd1234
    """
    server = _server(instance)
    name = _name(server, token)
    archive = __salt__["kw_pgarchive.opened"](server, source)
    archive.check()
    clear(instance)
    try:
        with __salt__["kw_pgrole.kept"](server):
            _fill(server, archive, f"{name}.part")
        server.sql(RENAME, server.maintenance, part=f"{name}.part", name=name)
    except BaseException:
        with contextlib.suppress(RuntimeError):
            clear(instance)
        raise
    return {"database": name, "counts": archive.counts, "notes": archive.notes}


def activate(instance, token):
    """
    Give a prepared database the instance's name. Who is connected is sent away; the old one stays until ``clear``.

    instance
        Name of the instance.
    token
        The load's.

    Returns whether it was done now; a second call has nothing to do. Raises ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.activate mysite abcd1234
    """
    server = _server(instance)
    new, there = _name(server, token), _left(server)
    if new not in there and f"{new}.old" in there:
        return False
    prepared(instance, token)
    names = {"name": server.database, "new": new, "old": f"{new}.old"}
    with server.asking(SWAP, server.maintenance, **names) as swap:
        while swap.poll() is None:
            server.sql(DISCONNECT, server.maintenance, **names)
    return True


def prepared(instance, token):
    """
    The name of the database that a load has prepared.

    instance
        Name of the instance.
    token
        The load's.

    Raises ``RuntimeError`` where there is none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.prepared mysite abcd1234
    """
    server = _server(instance)
    if _name(server, token) not in _left(server):
        raise RuntimeError(f"no load {token} is prepared")
    return _name(server, token)


def clear(instance):
    """
    Remove what loads have left: databases that were not activated, and those that were replaced.

    instance
        Name of the instance.

    Returns their names. Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.clear mysite
    """
    server = _server(instance)
    names = _left(server)
    for name in names:
        drop(instance, name)
    return names


def create(instance, name):
    """
    Make an empty database that belongs to an instance's role and that other roles can't enter.

    instance
        Name of the instance.
    name
        Of the database.

    Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.create mysite mysite
    """
    _create(_server(instance), name, UTF8)


def drop(instance, name):
    """
    Drop a database if it exists, whoever is connected.

    instance
        Name of the instance.
    name
        Of the database.

    Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.drop mysite mysite
    """
    server = _server(instance)
    for subscription in server.sql(SUBSCRIBED, server.maintenance, name=name).splitlines():
        server.sql(UNSUBSCRIBE, name, n=subscription)
    server.sql(DROP, server.maintenance, name=name)


def _create(server, name, about):
    """An empty database with the encoding and the order of text that a dump says."""
    names = {"name": name, "role": server.role, **{key: about.get(key) or "" for key in (*UTF8, "locale", "rules")}}
    options = "ENCODING :'encoding' LC_COLLATE :'collate' LC_CTYPE :'ctype'"
    if about.get("provider") == "i":
        options += " LOCALE_PROVIDER icu ICU_LOCALE :'locale'" + (" ICU_RULES :'rules'" if about.get("rules") else "")
    elif about.get("provider") == "b":
        options += " LOCALE_PROVIDER builtin BUILTIN_LOCALE :'locale'"
    server.sql(f'CREATE DATABASE :"name" OWNER :"role" {options} TEMPLATE template0', server.maintenance, **names)
    if not server.outside or not server.rights()["open"]:
        server.sql(PRIVATE, server.maintenance, **names)


def _fill(server, archive, part):
    """Make a database and restore a dump into it, with all that belongs to the database itself."""
    about = {**UTF8, **archive.about}
    try:
        _create(server, part, about)
    except RuntimeError as error:
        if "locale" not in str(error) and "collation" not in str(error):
            raise
        instead = "C.UTF-8" if about["encoding"] == "UTF8" else "C"
        archive.notes.append(
            f"text is sorted as in {instead}: the server lacks {about.get('locale') or about['collate']}"
        )
        _create(server, part, {"encoding": about["encoding"], "collate": instead, "ctype": instead})
    archive.fill(part)
    settle(server, archive, part)
    server.sql("ANALYZE", part)


def settle(server, archive, part):
    """
    Give a database its comment, its settings, and who else may enter it; what a server refuses is noted.

    server
        Of kw_pgserver.
    archive
        Of kw_pgarchive.
    part
        Name of the database.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgload.settle server archive mysite
    """
    if archive.about.get("comment"):
        sql = f'COMMENT ON DATABASE :"part" IS {_literal(archive.about["comment"])}'
        _try(archive, "the comment on the database", server, sql, part=part)
    for role, name, value in archive.about.get("settings", ()):
        if not SETTING.fullmatch(name):
            raise RuntimeError(f"the dump has a setting {name!r}, which is no name")
        what = 'ROLE :"role" IN DATABASE :"part"' if role in archive.names else 'DATABASE :"part"'
        if role and role not in archive.names:
            archive.notes.append(f"left out: {name} of the role {role}")
            continue
        # From the session's value: lists, such as search_path, would have to be quoted each in its own way.
        sql = f"SELECT set_config({_literal(name)}, {_literal(value)}, false) \\g /dev/null\n"
        sql += f"ALTER {what} SET {name} FROM CURRENT"
        _try(archive, f"the setting {name}", server, sql, part=part, role=server.role)
    for role, privilege in archive.about.get("grants", ()):
        if privilege in PRIVILEGES:
            sql = f'GRANT {privilege} ON DATABASE :"part" TO :"role"'
            _try(archive, f"{privilege} on the database for {role}", server, sql, part=part, role=role)


def _try(archive, what, server, sql, **names):
    """Do what belongs to a database but isn't its data, as the role; a server that refuses it is noted."""
    try:
        server.sql(sql, names["part"], admin=False, **names)
    except RuntimeError as error:
        archive.notes.append(f"left out: {what} ({str(error).split('ERROR: ')[-1].strip()})")


def _literal(text):
    """A text as SQL takes it. (As a variable of psql it would be seen by everybody.)"""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _server(instance):
    return __salt__["kw_pgserver.of"](instance)


def _name(server, token):
    """The name of the database that a load goes to."""
    return f"{_prefix(server)}{__salt__['kw_name.token'](token)}"


def _prefix(server):
    """What the names of an instance's loads begin with."""
    return f"{server.database[:LONGEST]}.kw."


def _left(server):
    """The names of the databases that loads of an instance have left on its server."""
    return server.sql(LEFT, server.maintenance, prefix=_prefix(server)).splitlines()
