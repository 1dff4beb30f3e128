"""
The dump of a database of the service mysql: by mariadb-dump in one transaction, counted on its way, without a lock;
and how it is loaded.
"""

import os
import platform
import re
import subprocess
import threading

__virtualname__ = "kw_mysqldump"
MEMBER, EVENTS = "mysql.sql.zst", "mysql.events.sql"
# Rows come as they were at one moment, and nobody waits for it. Values that are bytes go as hexadecimal digits.
ROWS = ["--single-transaction", "--quick", "--routines", "--triggers", "--hex-blob", "--skip-add-locks"]
ROWS += ["--no-tablespaces", "--skip-dump-date", "--max-allowed-packet=1G"]
WRITTEN_BY = re.compile(rb"(?m)^-- Server version\s+([\d.]*\d)")
ONLY_EVENTS = ["--no-data", "--no-create-info", "--skip-triggers", "--events"]
HISTORY = ["--dump-history"]  # rows of system-versioned tables come with what they were before
COLLATION = "SELECT @@character_set_database, @@collation_database"
APART = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = {database} AND table_type = 'BASE TABLE' AND engine NOT IN ('InnoDB', 'ROCKSDB') ORDER BY 1
"""
ANY_EVENT = "SELECT 1 FROM information_schema.events WHERE event_schema = {database} LIMIT 1"


def __virtual__():
    """Load on Linux only, as the module of the server does."""
    if platform.system() != "Linux":
        return False, "kw_mysqldump: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def write(instance, target):
    """
    Write the members of a dump. What is counted is what they hold.

    instance
        Name of the instance.
    target
        Folder on the node that the members are written into, or the stream of an archive.

    Returns ``version``, ``members``, ``counts`` and ``consistency``. Raises ``RuntimeError`` where it fails.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqldump.write mysite /web/mysite/dump/20261120T1012
    """
    server = __salt__["kw_mysqlserver.of"](instance)
    history = HISTORY if server.tables(server.database, "VERSIONED") else []
    member, found = _write(server, target, MEMBER, [*ROWS, *history], "zstd")
    members, rows, objects = [member], found["rows"], found["objects"]
    if server.column(ANY_EVENT, database=server.database):
        member, found = _write(server, target, EVENTS, ONLY_EVENTS, None)
        members.append(member)
        objects["events"] = found["objects"]["events"]
    counts = {"tables": len(rows), "rows": sum(rows.values()), "rows_by_table": rows, "objects": objects}
    return {"version": server.version(), "members": members, "counts": counts, "consistency": _consistency(server)}


def read(instance, source, database):
    """
    Load all of a dump but its events into an empty database, as the instance's own user.

    instance
        Name of the instance.
    source
        Folder on the node that holds the members.
    database
        Name of the database.

    Raises ``RuntimeError`` where it fails, and beforehand where the server is older than the dump's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqldump.read mysite /web/mysite/dump/20261120T1012 mysite~0123456789ab
    """
    server, client = __salt__["kw_mysqlserver.of"](instance), __salt__["kw_mysqlserver.client"]()
    version = server.version()
    with __salt__["kw_member.reading"](source, MEMBER) as stream:
        found = WRITTEN_BY.search(stream.peek(4096))
        if found and _numbers(found[1].decode()) > _numbers(version):
            raise RuntimeError(f"the dump is of MariaDB {found[1].decode()}, which {version} here can't read")
        with server.running([*client, database], admin=False, stdin=subprocess.PIPE) as process:
            __salt__["kw_mysqltext.imported"](stream.read1, process.stdin.write, _numbers(version) >= (11, 5))


def _numbers(version):
    """The part of a version that tells what a server can read."""
    return tuple(map(int, version.split(".")[:2]))


def _write(server, target, name, options, pack):
    """Write a member; returns what a manifest says of it, and what kw_mysqltext counted in it."""
    words = ["mariadb-dump", *options, "--default-character-set=utf8mb4", server.database]
    with __salt__["kw_member.writing"](target, name) as member:
        with server.running(words, stdout=subprocess.PIPE) as process, _Passage(server, process) as passage:
            member.run(pack or ["cat"], stdin=passage.stream)
            found = passage.found()
        return member.describe(), found


class _Passage:
    """The text of a dump on its way into another program, whose stdin ``stream`` is."""

    def __init__(self, server, process):
        charset, collation = server.sql(COLLATION, server.database)[0]
        self.head = f"ALTER DATABASE CHARACTER SET {charset} COLLATE {collation};\n".encode()
        self.process, self.database = process, server.database
        self.export, self.answer = __salt__["kw_mysqltext.exported"], None  # looked up here: not in a thread

    def __enter__(self):
        read, write = os.pipe()
        self.stream = open(read, "rb", buffering=0)
        self.thread = threading.Thread(target=self._pass, args=[open(write, "wb")])
        self.thread.start()
        return self

    def __exit__(self, kind, *exception):
        if kind:
            self.process.kill()
        self.stream.close()
        self.thread.join()

    def _pass(self, sink):
        try:
            with sink:
                sink.write(self.head)
                self.answer = self.export(self.process.stdout.read1, sink.write, self.database)
        except OSError as error:
            self.answer = RuntimeError(f"mariadb-dump: {error}")

    def found(self):
        """What was counted, once all has passed. Raises ``RuntimeError`` where it hasn't."""
        self.thread.join()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _consistency(server):
    """At which point a dump is of one piece, for its manifest."""
    names = server.column(APART, database=server.database)
    apart = ", ".join(names[:3]) + f" and {len(names) - 3} more" * (len(names) > 3)
    return "one transaction" + f"; each as it was read: {apart}, which know no transactions" * bool(names)
