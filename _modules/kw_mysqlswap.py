"""
How loaded data takes the place of the present one in MariaDB: all tables change places in one statement. For the
service mysql.

A load fills a database of its own beside the instance's. RENAME TABLE moves tables between databases, all at once, and
puts foreign keys right. What else a database has (views, triggers, routines, events) can't move: it goes before, and is
made again after, by one session that nobody else of the instance's account can come between. What it takes to end that,
or to undo it, stands in files and in an empty table that moves along: whoever comes next heals what was killed midway.
"""

import contextlib
import os
import platform
import subprocess

__virtualname__ = "kw_mysqlswap"
STATE = "/var/lib/kraftwerk/mysql"
MOVED = "kraftwerk is moving these"  # the name of a table that moves with the others, and so tells whether they have
MOVING = ("TABLE", "VERSIONED", "SEQUENCE")
# What is in a database beside tables, by kind: what DROP calls it, and its name.
OBJECTS = {
    "triggers": "SELECT 'TRIGGER', trigger_name FROM information_schema.triggers WHERE trigger_schema = {database}",
    "events": "SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = {database}",
    "views": "SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema = {database}",
    "routines": """
        SELECT routine_type, routine_name FROM information_schema.routines
        WHERE routine_schema = {database} AND routine_type <> 'PACKAGE BODY'
    """,
}
RIGHTS = "SELECT db FROM mysql.db WHERE user = {user} AND host = 'localhost'"
OTHERS = """
SELECT id FROM information_schema.processlist WHERE user = {user} AND id NOT IN ({session}, CONNECTION_ID())
"""
COLLATION = """
SELECT default_character_set_name, default_collation_name FROM information_schema.schemata
WHERE schema_name = {database}
"""
# Of the tables where they are now: they may have moved already.
DEFAULTS = """
SELECT table_name, column_name, column_default FROM information_schema.columns
WHERE table_schema IN ({new}, {database}) AND LOCATE({name}, column_default)
"""
PATIENCE = 20  # seconds that a table may be in use by somebody else's statement
CODE = ("--no-data", "--no-create-info", "--routines", "--triggers")


def __virtual__():
    """Load on Linux only, as the module of the server does."""
    if platform.system() != "Linux":
        return False, "kw_mysqlswap: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def scratch(instance, token):
    """
    The name of the database that a load of this token fills.

    instance
        Name of the instance.
    token
        The load's own word.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlswap.scratch mysite 0123456789ab
    """
    return f"{_server(instance).database}~{token}"


def make(instance, token, events=""):
    """
    Make the empty database of a load, for the instance's account; what other loads left behind goes.

    instance
        Name of the instance.
    token
        The load's own word.
    events
        A file with SQL that makes events, which needn't be there. They run by the clock, so they are made when the data
        is the instance's. Default: none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlswap.make mysite 0123456789ab
    """
    settle(instance)
    _write(instance, "", "done", b"")
    server = _server(instance)
    for database in _databases(server, token):
        _create(server, database)
    if events and os.path.exists(events):
        with open(events, "rb") as stream:
            _write(instance, token, "events", stream.read())


def swap(instance, token):
    """
    Give the instance the data that a load has brought. Does nothing where that has been done.

    instance
        Name of the instance.
    token
        The load's own word.

    Raises ``RuntimeError`` where there is nothing to swap, or where it fails; the old data is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlswap.swap mysite 0123456789ab
    """
    server = _server(instance)
    if not _done(instance, token):
        if not server.databases(_databases(server, token)[0]):
            raise RuntimeError(f"nothing is prepared for {instance} under {token}")
        if not _begun(instance, token):
            _begin(server, token)
        if not _moved(server, token):
            try:
                _exchange(server, token)
                _write(instance, "", "done", token.encode())
            except BaseException:
                settle(instance, token)
                raise
    settle(instance, token)


def settle(instance, token=""):
    """
    End what was begun: a swap that is half done is ended, or undone where it can't be; then the load's databases go.
    Never fails for none.

    instance
        Name of the instance.
    token
        The load's own word. Default: of all loads.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlswap.settle mysite
    """
    server = _server(instance)
    found = {name.partition("~")[2].partition("~")[0] for name in server.databases(f"{server.database}~")}
    for each in [token] if token else sorted(found | _tokens(instance)):
        if _begun(instance, each) and not _done(instance, each):
            if _moved(server, each) and _completed(server, each):
                _write(instance, "", "done", each.encode())
            else:
                _program(server, "", _read(instance, each, "old"))
        _forget(server, each)


def empty(instance):
    """
    Delete everything in the instance's database.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlswap.empty mysite
    """
    server = _server(instance)
    tables = server.tables(server.database, *MOVING)
    drops = [f"DROP TABLE {_name(table)}" for table in tables]
    server.sql(";\n".join(["SET foreign_key_checks = 0", *_drops(server), *drops]), server.database)


def _create(server, database):
    """Make an empty database for the instance's account."""
    try:
        server.sql(f"CREATE DATABASE {_name(database)} CHARACTER SET utf8mb4")
    except RuntimeError as error:
        if not server.outside:
            raise
        rights = f"GRANT ALL ON {server.pattern(server.database, '~%')}.* TO {server.login_name}"
        raise RuntimeError(f"{error}; a load fills a database beside, which takes: {rights}") from error
    if not server.outside:
        server.sql(f"GRANT ALL PRIVILEGES ON {server.pattern(database)}.* TO {server.account}")


def _begin(server, token):
    """Put down what it takes to end the swap, and to undo it."""
    new, _ = _databases(server, token)
    server.sql(f"CREATE TABLE IF NOT EXISTS {_name(MOVED)} (nothing int)", new)
    _write(server.instance, token, "old", _code(server, server.database, "--events"))
    _write(server.instance, token, "new", _code(server, new) + _read(server.instance, token, "events"))


def _exchange(server, token):
    """Swap, in one session that is the only one of the account."""
    words = ["mariadb", "--batch", "--skip-column-names", "--unbuffered", "--binary-mode", server.database]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with server.running(words, admin=False, **pipes) as session:
        session.stdin.write(b"SELECT CONNECTION_ID();\n")
        session.stdin.flush()
        with _alone(server, session.stdout.readline().decode().strip()):
            new, old = _databases(server, token)
            before = [*_drops(server), *_drops(server, new, ["triggers"])]
            script = ";\n".join([f"SET lock_wait_timeout = {PATIENCE}", *before, _rename(server, new, old)])
            after = _after(server, token, _read(server.instance, token, "new"))
            session.stdin.write(f"{script};\n".encode() + after)
            session.stdin.close()
            session.wait()


def _completed(server, token):
    """Make the moved tables whole; where what a dump holds beside tables can't be made, they go back: then False."""
    try:
        _program(server, token, _read(server.instance, token, "new"))
    except RuntimeError:
        new, old = _databases(server, token)
        script = ";\n".join([f"SET lock_wait_timeout = {PATIENCE}", *_drops(server), _rename(server, old, new)])
        server.run(["mariadb", "--binary-mode", server.database], admin=False, text=f"{script};\n")
        return False
    return True


def _rename(server, coming, aside):
    """The statement by which tables and sequences of a database come in, and the present ones go into another."""
    moves = [(server.database, aside, table) for table in server.tables(server.database, *MOVING)]
    for table in server.tables(coming, *MOVING):
        moves.append((coming, aside if table == MOVED else server.database, table))
    pairs = (f"{_name(a)}.{_name(table)} TO {_name(b)}.{_name(table)}" for a, b, table in moves)
    return f"RENAME TABLE {', '.join(pairs)}"


def _after(server, token, code):
    """What makes the moved tables whole, as bytes of SQL: views and the like, and defaults that name a sequence."""
    new, _ = _databases(server, token)
    charset, collation = server.sql(COLLATION, database=new)[0]
    found = [f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation}"]
    rows = server.sql(DEFAULTS, new=new, database=server.database, name=f"{_name(new)}.")
    for table, column, default in rows:
        value = default.replace(f"{_name(new)}.", "")
        found.append(f"ALTER TABLE {_name(table)} ALTER COLUMN {_name(column)} SET DEFAULT ({value})")
    return "".join(f"{each};\n" for each in found).encode() + code


def _program(server, token, code):
    """Put views, triggers, routines and events of the instance's database right, after whatever was done to them."""
    with _alone(server, "0"):
        pass  # whoever is in there sees half of it
    after = _after(server, token, code) if token else code
    text = "".join(f"{each};\n" for each in _drops(server)).encode() + after
    with server.running(["mariadb", "--binary-mode", server.database], admin=False, stdin=subprocess.PIPE) as session:
        session.communicate(text)  # in whatever encoding the dump has it


@contextlib.contextmanager
def _alone(server, session):
    """Let nobody else of the instance's account in; who is there goes. Accounts of outside servers can't be closed."""
    try:
        if not server.outside:
            server.sql(f"ALTER USER {server.account} WITH MAX_USER_CONNECTIONS 1")
        for each in server.column(OTHERS, user=server.login_name, session=session):
            with contextlib.suppress(RuntimeError):  # it went by itself
                server.sql(f"KILL {each}")
        yield
    finally:
        if not server.outside:
            server.sql(f"ALTER USER {server.account} WITH MAX_USER_CONNECTIONS 0")


def _code(server, database, *more):
    """What a database has beside tables and rows, as SQL that makes it in any database, for any account."""
    commands = [["mariadb-dump", *CODE, *more, database]]
    if views := server.tables(database, "VIEW"):
        commands.append(["mariadb-dump", "--no-data", "--skip-triggers", database, *views])
    found = []
    for words in commands:
        text = iter(
            [server.run([*words[:1], "--single-transaction", "--default-character-set=utf8mb4", *words[1:]]).encode()]
        )
        __salt__["kw_mysqltext.exported"](lambda size, text=text: next(text, b""), found.append, database)
    return b"".join(found)


def _drops(server, database="", kinds=tuple(OBJECTS)):
    """Statements that delete what a database has beside tables. Default: the instance's, all of it."""
    where = database or server.database
    found = [row for kind in kinds for row in server.sql(OBJECTS[kind], database=where)]
    return [f"DROP {kind} IF EXISTS {_name(where)}.{_name(name)}" for kind, name in found]


def _forget(server, token):
    """Remove what a load made."""
    present = server.databases(f"{server.database}~")
    for database in _databases(server, token):
        if database in present:  # an account that may make none may not ask for this either
            server.sql(f"DROP DATABASE {_name(database)}")
    if not server.outside:
        for pattern in server.column(RIGHTS, user=server.user):
            if pattern.replace("\\", "") in _databases(server, token):
                server.sql(f"REVOKE ALL PRIVILEGES ON {_name(pattern)}.* FROM {server.account}")
    for kind in ("new", "old", "events"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_path(server.instance, token, kind))


def _databases(server, token):
    """The databases of a load: what it fills, and where the old tables go."""
    return f"{server.database}~{token}", f"{server.database}~{token}~old"


def _begun(instance, token):
    """Whether a swap was begun, and not undone."""
    return os.path.exists(_path(instance, token, "new"))


def _moved(server, token):
    """Whether the tables of a swap that was begun have changed places."""
    return MOVED not in server.tables(_databases(server, token)[0], "TABLE")


def _done(instance, token):
    """Whether the last swap that came to its end was this one."""
    return _read(instance, "", "done") == token.encode()


def _tokens(instance):
    """Loads that left files."""
    with contextlib.suppress(FileNotFoundError):
        return {name.partition(".")[0] for name in os.listdir(os.path.join(STATE, instance))} - {""}
    return set()


def _path(instance, token, kind):
    return os.path.join(STATE, instance, f"{token}.{kind}")


def _read(instance, token, kind):
    """What is kept of a load; nothing where there is none."""
    with contextlib.suppress(FileNotFoundError), open(_path(instance, token, kind), "rb") as stream:
        return stream.read()
    return b""


def _write(instance, token, kind, content):
    """Keep something of a load, root's alone, whole or not at all."""
    __salt__["kw_textfile.replace"](_path(instance, token, kind), content)


def _server(instance):
    return __salt__["kw_mysqlserver.of"](instance)


def _name(word):
    return __salt__["kw_mysqlserver.name"](word)
