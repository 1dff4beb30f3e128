"""
The service postgres: a role and a database per instance on Debian's server, reached by peer login over its socket.

The database is called like the instance, its role like the system user that the instance runs as. Every function takes
the instance's name. Errors of the server's programs are raised as ``RuntimeError`` with their last words.
"""

import json
import os
import platform
import pwd
import subprocess

__virtualname__ = "kw_postgres"
MEMBER = "postgres.dump"
SOCKET = "%2Fvar%2Frun%2Fpostgresql"
PARTS = ("tables", "database", "owner")
# One query counts all tables, in the same snapshot as the dump.
COUNTS = """
SELECT coalesce(json_object_agg(name, rows), '{}') FROM (
  SELECT n.nspname || '.' || c.relname AS name,
    (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', n.nspname, c.relname),
      false, true, '')))[1]::text::bigint AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1) AS tables
"""
DISCONNECT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN (:'name', :'new')"
LEFT_BEHIND = "SELECT datname FROM pg_database WHERE starts_with(datname, :'prefix')"
SWAP = 'BEGIN; ALTER DATABASE :"name" RENAME TO :"old"; ALTER DATABASE :"new" RENAME TO :"name"; COMMIT'
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"
# What an instance lacks, as a list of words.
MISSING = """
SELECT to_json(array_remove(
  ARRAY[CASE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') THEN 'role' END,
        CASE WHEN d.oid IS NULL THEN 'database' END,
        CASE WHEN pg_get_userbyid(d.datdba) <> :'role' THEN 'owner' END,
        CASE WHEN has_database_privilege('public', d.oid, 'CONNECT') THEN 'private' END,
        CASE WHEN NOT d.datallowconn THEN 'open' END], NULL))
FROM (SELECT) AS one LEFT JOIN pg_database d ON d.datname = :'name'
"""


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
    return {"DATABASE_URL": f"postgresql://{_role(instance)}@{SOCKET}/{instance}"}


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
        _sql(instance, "SELECT 1", user=_role(instance))
    except (RuntimeError, OSError) as error:
        return {"ok": False, "detail": str(error)}
    return {"ok": True, "detail": f"database {instance} answers"}


def inspect(instance):
    """
    What the database holds now: the server's version, the size in bytes, and counts of tables and rows.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where the database doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.inspect mysite
    """
    size = int(_sql(instance, "SELECT pg_database_size(current_database())"))
    return {"version": _version(), "size": size, "counts": _counts(_sql(instance, COUNTS))}


def missing(instance):
    """
    What a database needs and isn't there yet: any of ``role``, ``database``, ``owner``, ``private`` and ``open``.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.missing mysite
    """
    return json.loads(_sql("postgres", MISSING, name=instance, role=_role(instance)))


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
    _heal(instance)
    parts = missing(instance)
    names = {"name": instance, "role": _role(instance)}
    if "role" in parts:
        _sql("postgres", 'CREATE ROLE :"role" LOGIN', **names)
    if "database" in parts:
        _create_database(instance, instance)
    if "owner" in parts:
        _sql("postgres", 'ALTER DATABASE :"name" OWNER TO :"role"', **names)
    if "private" in parts:
        _sql("postgres", 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC', **names)
    if "open" in parts:
        _sql("postgres", 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true', **names)
    return parts


def dump(instance, target):
    """
    Dump the database into a folder on the node, and count its rows in the very same snapshot.

    instance
        Name of the instance.
    target
        Folder that the member file is written into; it exists.

    Returns ``version``, ``members`` (``name``, ``size`` in bytes, ``sha256``) and ``counts``. Raises ``RuntimeError``
    where the server's programs fail; the half-written member is removed then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.dump mysite /web/mysite/dump/20261120T1012
    """
    path = os.path.join(target, MEMBER)
    try:
        with _Snapshot(instance) as snapshot, open(path, "wb") as stream:
            command = ["pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--snapshot={snapshot.name}"]
            _run([*command, f"--dbname={_dsn(instance)}"], stdout=stream)
            counts = _counts(snapshot.query(COUNTS))
    except BaseException:
        if os.path.exists(path):
            os.unlink(path)
        raise
    return {"version": _version(), "members": [__salt__["kw_member.describe"](path)], "counts": counts}


def load(instance, source):
    """
    Replace the database by a dumped one: it is loaded beside the old one, and both swap names when all went well.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member file.

    Returns the counts of the new database. Raises ``RuntimeError`` where anything fails; the old data is there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.load mysite /web/mysite/dump/20261120T1012
    """
    create(instance)
    new = f"{instance}.load.{os.getpid()}"  # a load that lost its admin goes on, and must not meet this one's
    _create_database(instance, new)
    try:
        with open(os.path.join(source, MEMBER), "rb", buffering=0) as stream:
            _restore(new, _role(instance), stream)
        _sql(new, "ANALYZE")
        counts = _counts(_sql(new, COUNTS))
        _swap(instance, new)
    except BaseException:
        _drop_database(new)
        raise
    _drop_database(f"{instance}.old")
    return counts


def remnants(instance):
    """
    What is still there of an instance's data: any of ``tables``, ``database``, ``owner``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_postgres.remnants mysite
    """
    gone = missing(instance)
    if "database" in gone:
        return [] if "role" in gone else ["owner"]
    tables = _sql(instance, "SELECT 1 FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' LIMIT 1")
    return ["tables"] * bool(tables) + ["database"] + ["owner"] * ("role" not in gone)


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
    if what not in PARTS:
        raise ValueError(f"{what!r}: what to drop is one of {', '.join(PARTS)}")
    _heal(instance)
    if what not in remnants(instance):
        return False
    if what == "tables":
        _drop_schemas(instance)
    elif what == "database":
        _drop_database(instance)
    else:
        _sql("postgres", 'DROP ROLE :"role"', role=_role(instance))
    return True


class _Snapshot:
    """A transaction that is kept open, so that a dump and the counts see the same rows."""

    def __init__(self, instance):
        command = ["psql", "-XqAt", "--set=ON_ERROR_STOP=1", f"--dbname={_dsn(instance)}"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **_as("postgres"))

    def __enter__(self):
        begin = "SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        self.name = self.query(f"{begin}; SELECT pg_export_snapshot()")
        return self

    def query(self, sql):
        """The one line that a query answers."""
        self.process.stdin.write(f"{sql};\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(_last_words(self.process.communicate()[1]))
        return line

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()


def _restore(database, role, stream):
    """Restore a dump as a role. Extensions are the superuser's to make, so they come first and on their own."""
    entries = _run(["pg_restore", "--list"], stdin=stream).splitlines()
    extensions = [line for line in entries if " EXTENSION " in line and not line.startswith(";")]
    for line in extensions:
        if " COMMENT " not in line:
            _sql(database, 'CREATE EXTENSION IF NOT EXISTS :"n" CASCADE', n=line.split(" EXTENSION - ")[1].split()[0])
    wanted = "\n".join(line for line in entries if line not in extensions)
    # The list goes by an inherited descriptor: no temporary file that the server's user would have to read.
    descriptor = os.memfd_create("entries")
    try:
        os.write(descriptor, wanted.encode())
        os.fchmod(descriptor, 0o644)
        stream.seek(0)
        options = ["--exit-on-error", "--no-owner", "--no-acl", f"--role={role}", f"--dbname={_dsn(database)}"]
        _run(["pg_restore", f"--use-list=/proc/self/fd/{descriptor}", *options], stdin=stream, pass_fds=[descriptor])
    finally:
        os.close(descriptor)


def _swap(instance, new):
    """Give the loaded database the instance's name. Both renames are one transaction; nobody may be connected."""
    names = {"name": instance, "new": new, "old": f"{instance}.old"}
    _sql("postgres", 'ALTER DATABASE :"name" ALLOW_CONNECTIONS false', **names)
    try:
        _sql("postgres", DISCONNECT, **names)
        _sql("postgres", SWAP, **names)
    except BaseException:
        _sql("postgres", 'ALTER DATABASE :"name" ALLOW_CONNECTIONS true', **names)
        raise


def _heal(instance):
    """Remove what an interrupted load left behind. The swap is one transaction: the name itself always holds data."""
    for name in _sql("postgres", LEFT_BEHIND, prefix=f"{instance}.").splitlines():
        _drop_database(name)


def _create_database(instance, name):
    """An empty database of an instance that other roles can't enter, in UTF-8 whatever the node's locale is."""
    names = {"name": name, "role": _role(instance)}
    options = "ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' TEMPLATE template0"
    _sql("postgres", f'CREATE DATABASE :"name" OWNER :"role" {options}', **names)
    _sql("postgres", 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC', **names)


def _drop_database(name):
    """Drop a database if it exists, whoever is connected."""
    _sql("postgres", 'DROP DATABASE IF EXISTS :"name" WITH (FORCE)', name=name)


def _drop_schemas(instance):
    """Empty a database: its schemas with all that is in them, then a new public one."""
    for schema in _sql(instance, SCHEMAS).splitlines():
        _sql(instance, 'DROP SCHEMA :"schema" CASCADE', schema=schema)
    _sql(instance, 'CREATE SCHEMA public AUTHORIZATION :"role"', role=_role(instance))


def _counts(line):
    """Counts as a manifest keeps them, from the answer to COUNTS."""
    rows = json.loads(line)
    return {"tables": len(rows), "rows": sum(rows.values()), "rows_by_table": rows}


def _version():
    """The server's version, such as ``15.14``."""
    return _sql("postgres", "SHOW server_version").split()[0]


def _role(instance):
    """The instance's role in the server, and its user on the system: peer login needs them to be the same."""
    return f"web-{instance}"


def _dsn(database):
    """A connection string; libpq's own quoting, so that no name is taken for options."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _sql(database, sql, user="postgres", **names):
    """What the server answers to some SQL; psql quotes the names, :'so' as text and :"so" as a name."""
    variables = [f"--set={key}={value}" for key, value in names.items()]
    command = ["psql", "-XqAt", "--set=ON_ERROR_STOP=1", *variables, f"--dbname={_dsn(database)}"]
    return _run(command, user=user, text=f"SET client_min_messages = warning; {sql};\n").strip()


def _run(command, user="postgres", text=None, **streams):
    """Run a program of the server as a user, and return its output."""
    if text is not None:
        streams["input"] = text.encode()
    streams.setdefault("stdout", subprocess.PIPE)
    try:
        done = subprocess.run(command, stderr=subprocess.PIPE, check=False, **streams, **_as(user))
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} isn't installed on this node") from error
    if done.returncode:
        words = _last_words(done.stderr.decode(errors="replace"))
        raise RuntimeError(f"{command[0]}: {words.removeprefix(f'{command[0]}: ')}")
    return (done.stdout or b"").decode()


def _last_words(text):
    """What a program said last, short enough for one message."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "failed without a word"


def _as(user):
    """How to start a program as another user, in a folder that it can enter."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise RuntimeError(f"there is no user {user} on this node") from error
    environment = {**os.environ, "HOME": entry.pw_dir, "LC_ALL": "C.UTF-8"}
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/", "env": environment}
