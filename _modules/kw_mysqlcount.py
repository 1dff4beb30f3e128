"""
What is in a database of the service mysql, in numbers: the same that kw_mysqltext counts in a dump.
"""

import os
import platform

__virtualname__ = "kw_mysqlcount"
OBJECTS = """
SELECT 'views', COUNT(*) FROM information_schema.tables WHERE table_schema = {database} AND table_type = 'VIEW'
UNION ALL SELECT 'triggers', COUNT(*) FROM information_schema.triggers WHERE trigger_schema = {database}
UNION ALL SELECT 'routines', COUNT(*) FROM information_schema.routines
  WHERE routine_schema = {database} AND routine_type <> 'PACKAGE BODY'
UNION ALL SELECT 'events', COUNT(*) FROM information_schema.events WHERE event_schema = {database}
UNION ALL SELECT 'sequences', COUNT(*) FROM information_schema.tables
  WHERE table_schema = {database} AND table_type = 'SEQUENCE'
"""
SIZES = """
SELECT table_name, COALESCE(data_length + index_length, 0) FROM information_schema.tables
WHERE table_schema = {database} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
"""
ROWS = {"TABLE": "SELECT COUNT(*) FROM {}", "VERSIONED": "SELECT COUNT(*) FROM {} FOR SYSTEM_TIME ALL"}


def __virtual__():
    """Load on Linux only, as the module of the server does."""
    if platform.system() != "Linux":
        return False, "kw_mysqlcount: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def of(instance, database, events=""):
    """
    Counts as a manifest keeps them: of tables, of their rows at one moment, and of all else by kind.

    instance
        Name of the instance.
    database
        The one to count in.
    events
        A file with SQL that makes events which aren't in the database yet. Default: none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlcount.of mysite mysite
    """
    server = __salt__["kw_mysqlserver.of"](instance)
    tables = [(table, select) for kind, select in ROWS.items() for table in server.tables(database, kind)]
    name = __salt__["kw_mysqlserver.name"]
    queries = ["START TRANSACTION WITH CONSISTENT SNAPSHOT", *(select.format(name(table)) for table, select in tables)]
    answers = server.sql(";\n".join(queries), database)
    rows = {table: int(answer[0]) for (table, _), answer in zip(tables, answers, strict=True)}
    objects = {kind: int(count) for kind, count in server.sql(OBJECTS, database=database)}
    if events and os.path.exists(events):
        with open(events, "rb") as stream:
            export = __salt__["kw_mysqltext.exported"]
            objects["events"] = export(stream.read, lambda text: None, database)["objects"]["events"]
    return {"tables": len(rows), "rows": sum(rows.values()), "rows_by_table": rows, "objects": objects}


def sizes(instance):
    """
    Bytes of the instance's tables, by name, as the server estimates them.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlcount.sizes mysite
    """
    server = __salt__["kw_mysqlserver.of"](instance)
    return {table: int(size) for table, size in server.sql(SIZES, database=server.database)}


def is_empty(instance):
    """
    Whether nothing at all is in the instance's database; there may be none.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlcount.is_empty mysite
    """
    server = __salt__["kw_mysqlserver.of"](instance)
    objects = server.sql(OBJECTS, database=server.database)
    return not server.tables(server.database, *ROWS) and not any(int(count) for _, count in objects)
