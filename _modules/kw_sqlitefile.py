"""
SQLite files of an instance: found in a folder, copied, checked and counted. For the module of the service sqlite.

All that opens a file runs as the instance's own user: whoever may write it could make it a trap.
"""

import os
import platform

__virtualname__ = "kw_sqlitefile"
SUFFIXES = (".sqlite3", ".sqlite", ".db")
WAIT = 20000  # milliseconds for a writer to let go
# Tables that are stored: virtual ones keep their content in others.
TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)
SIZES = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name;\n"
COUNT = "SELECT count(*) FROM {};\n"


def __virtual__():
    """Load on Linux only: files are owned by Linux users."""
    if platform.system() != "Linux":
        return False, "kw_sqlitefile: instances run on Linux nodes only"
    return __virtualname__


def names(folder):
    """
    Names of the database files in a folder and in those below.

    folder
        Path of the folder; it needn't exist.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.names /web/mysite/sqlite
    """
    found, pending = [], [folder] if os.path.isdir(folder) else []
    while pending:
        for entry in os.scandir(pending.pop()):
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
            elif entry.is_file(follow_symlinks=False) and entry.name.endswith(SUFFIXES):
                found.append(os.path.relpath(entry.path, folder))
    return sorted(found)


def databases(folder):
    """
    Names of the databases in a folder.

    folder
        Path of the folder.

    Raises ``RuntimeError`` where a file is called like one and isn't: it would be left out of dumps unseen.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.databases /web/mysite/sqlite
    """
    found = names(folder)
    for name in found:
        with open(os.path.join(folder, name), "rb", opener=_plain) as stream:
            if stream.read(16) not in (b"", b"SQLite format 3\0"):
                raise RuntimeError(f"{os.path.join(folder, name)} is called like a database of SQLite and is none")
    return found


def copy(user, path, target):
    """
    Copy a database by SQLite's own means, while it may be written to.

    An open read transaction keeps it as it is at one moment to the copy's end.

    user
        System user that owns it.
    path
        The database.
    target
        The copy; the folder is made.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.copy web-mysite /web/mysite/sqlite/db.sqlite3 /tmp/copy.sqlite3
    """
    run(user, ["mkdir", "--parents", os.path.dirname(target)])
    quoted = target.replace("\\", "\\\\").replace('"', '\\"')
    sql(user, path, f'BEGIN;\nSELECT count(*) FROM sqlite_master;\n.backup "{quoted}"\nCOMMIT;\n')
    run(user, ["chmod", f"--reference={path}", target])


def counts(user, folder, check=False):
    """
    What is in the databases of a folder, as a manifest keeps it.

    user
        System user that owns them.
    folder
        Path of the folder.
    check
        Also read each of them through, and raise ``RuntimeError`` where one is damaged. Default: ``False``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.counts web-mysite /web/mysite/sqlite
    """
    rows, found = {}, databases(folder)
    for name in found:
        path = os.path.join(folder, name)
        said = sql(user, path, "PRAGMA integrity_check(3);\n").strip() if check else "ok"
        if said != "ok":
            raise RuntimeError(f"the database {name} is damaged: {' / '.join(said.splitlines())}")
        tables = _lines(user, path, f"{TABLES};\n")
        selects = "".join(COUNT.format(_name(table)) for table in tables)
        answers = _lines(user, path, f"BEGIN;\n{selects}COMMIT;\n") if tables else []
        rows |= {f"{name}:{table}": int(count) for table, count in zip(tables, answers, strict=True)}
    return {"databases": len(found), "tables": len(rows), "rows": sum(rows.values()), "rows_by_table": rows}


def sizes(user, folder):
    """
    Bytes of the tables and indexes in the databases of a folder, by ``database:name``.

    user
        System user that owns them.
    folder
        Path of the folder.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.sizes web-mysite /web/mysite/sqlite
    """
    found = {}
    for name in databases(folder):
        lines = (line.rpartition("|") for line in _lines(user, os.path.join(folder, name), SIZES))
        found |= {f"{name}:{table}": int(size) for table, _, size in lines}
    return found


def sql(user, path, text):
    """
    What sqlite3 answers to some SQL.

    user
        System user that it runs as.
    path
        The database.
    text
        SQL, and commands of sqlite3. It ends at the first error.

    Raises ``RuntimeError`` with what sqlite3 said.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.sql web-mysite /web/mysite/sqlite/db.sqlite3 'SELECT 1;'
    """
    command = ["sqlite3", "-batch", "-bail", "-init", "/dev/null", path]
    return run(user, command, input=f".timeout {WAIT}\n{text}".encode())


def run(user, command, **streams):
    """
    Run a program as a user, and return its output.

    user
        System user.
    command
        List of words.

    Raises ``RuntimeError`` with its last words.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_sqlitefile.run web-mysite '[sqlite3, --version]'
    """
    return __salt__["kw_process.run"](command, **streams, **__salt__["kw_process.identity"](user))


def _plain(path, flags):
    """Open a file, but neither a link nor a pipe, which its owner may have put there meanwhile."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _lines(user, path, text):
    """What sqlite3 answers, by lines."""
    return sql(user, path, text).split("\n")[:-1]


def _name(word):
    """A name as it stands in SQL."""
    return '"' + word.replace('"', '""') + '"'
