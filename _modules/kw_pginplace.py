"""
Loading a dump of PostgreSQL in the place of the present data, in one transaction. For the module kw_postgres.

It is the way of a server elsewhere whose role may not make databases. What is prepared is a note; all is done when it
is activated: the role's objects go, the dump comes, its rows are counted, and only then the transaction ends. Whatever
fails before that leaves the old data. It takes as long as a load takes, and who reads meanwhile waits.
"""

import glob
import json
import os
import platform
import subprocess

__virtualname__ = "kw_pginplace"
FOLDER = "/var/lib/kraftwerk/loads"
TOLD = "the role may not make databases there: the load is one transaction in place, and who reads meanwhile waits"
# All that the role owns, but extensions and its own database; what goes with something else is gone by its turn.
CLEAR = """
SET client_min_messages = warning; SET statement_timeout = 0; SET row_security = off;
BEGIN;
DO $clear$
DECLARE owned record; what record;
BEGIN
  FOR owned IN SELECT classid, objid FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
      AND deptype = 'o' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid <> 'pg_extension'::regclass
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = pg_shdepend.classid AND d.objid = pg_shdepend.objid
        AND d.deptype = 'e')
    ORDER BY classid <> 'pg_namespace'::regclass
  LOOP
    SELECT * INTO what FROM pg_identify_object(owned.classid, owned.objid, 0);
    IF what.type = 'large object' THEN
      PERFORM lo_unlink(owned.objid);
    ELSIF what.type = 'default acl' OR what.identity IS NULL THEN
      CONTINUE;
    ELSE
      EXECUTE format('DROP %s IF EXISTS %s CASCADE', replace(what.type, 'statistics object', 'statistics'),
        what.identity);
    END IF;
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public') THEN
    CREATE SCHEMA public;
  END IF;
END $clear$;
"""
# A grant that the role may not give is left out; what fails otherwise ends the transaction.
FOOTER = 400  # bytes at the end of pg_restore's SQL that hold its last COMMIT, and comments after it
LENIENT = "\\set ON_ERROR_ROLLBACK on\n\\set ON_ERROR_STOP off\n"
STRICT = "\\set ON_ERROR_ROLLBACK off\n\\set ON_ERROR_STOP on\nRESET search_path;\nRESET client_encoding;\n"


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pginplace: instances run on Linux nodes only"
    return __virtualname__


def prepare(instance, source, token):
    """
    Check a dump, and keep in mind where it is: `activate` reads it.

    instance
        Name of the instance.
    source
        Folder on the node with the members of the dump; it has to stay until then.
    token
        Names this load.

    Returns ``counts``, which `activate` makes sure of, ``environ``, which is empty, and ``notes``. Raises
    ``RuntimeError`` where the dump doesn't fit the server.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pginplace.prepare mysite /web/mysite/dump/20261120T1012/postgres abcd1234
    """
    archive = __salt__["kw_pgarchive.opened"](__salt__["kw_pgserver.of"](instance), source)
    archive.check()
    if "counts" not in archive.about:
        raise RuntimeError(
            "a dump of this old format can't be loaded in place: the role needs the right to make databases"
        )
    _write(instance, token, {"source": source, "scripts": []})
    return {"counts": archive.about["counts"], "environ": {}, "notes": [TOLD]}


def script(instance, token, text):
    """
    Keep SQL in mind that shall run after a load, in its transaction.

    instance
        Name of the instance.
    token
        The load's.
    text
        The SQL.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pginplace.script mysite abcd1234 'DELETE FROM django_session'
    """
    known = _read(instance, token)
    _write(instance, token, {**known, "scripts": [*known["scripts"], text]})


def activate(instance, token):
    """
    Replace all that the role has in its database by the dump, in one transaction.

    instance
        Name of the instance.
    token
        The load's.

    Returns whether it was done now; a second call has nothing to do. Raises ``RuntimeError`` where it can't be: then
    nothing has changed.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pginplace.activate mysite abcd1234
    """
    known = _read(instance, token)
    if known.get("done"):
        return False
    server = __salt__["kw_pgserver.of"](instance)
    archive = __salt__["kw_pgarchive.opened"](server, known["source"])
    archive.check()
    command = ["psql", "-XqAt", "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=terse", "--file=-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with server.start(command, admin=False, **pipes) as psql:
        _feed(psql, CLEAR, *(f"{sql};\n" for sql in archive.extensions_sql()))
        _restore(archive, psql)
        # Rows are counted before policies hide some from the role.
        _feed(
            psql, __salt__["kw_pgdump.check"](archive.about["counts"]), _text(archive.statements("policies")), LENIENT
        )
        _feed(psql, _text(archive.statements("grants")), _text(archive.statements("admin")), STRICT)
        _feed(psql, *(f"{text}\n;\n" for text in known["scripts"]), "COMMIT;\n")
        psql.stdin.close()
    __salt__["kw_pgload.settle"](server, archive, server.database)
    _write(instance, token, {**known, "done": True})
    return True


def discard(instance):
    """
    Forget what loads have noted.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pginplace.discard mysite
    """
    for path in glob.glob(_path(instance, "*")):
        os.unlink(path)


def noted(instance, token):
    """
    Whether a load is prepared, or done, in place.

    instance
        Name of the instance.
    token
        The load's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pginplace.noted mysite abcd1234
    """
    return os.path.exists(_path(instance, token))


def _restore(archive, psql):
    """Have pg_restore's SQL run by psql, but for its last COMMIT: what follows belongs to the same transaction."""
    options = [
        "--single-transaction",
        "--file=-",
    ]  # without the first large objects would have transactions of their own
    tail = b""
    with archive.restoring(archive.lines(), options, archive.server.database, stdout=subprocess.PIPE) as process:
        while piece := process.stdout.read(2**20):
            tail += piece
            _feed(psql, tail[:-FOOTER])
            tail = tail[-FOOTER:]
    before, commit, after = tail.rpartition(b"COMMIT;\n")
    if not commit or b"dump complete" not in after:
        raise RuntimeError("pg_restore doesn't end as it should: nothing was changed")
    _feed(psql, before, after)


def _feed(psql, *texts):
    """Write to psql; what an archive says comes as bytes in its own encoding."""
    for text in texts:
        psql.stdin.write(text if isinstance(text, bytes) else text.encode())
    psql.stdin.flush()


def _text(statements):
    return "".join(f"{text};\n" for text, _ in statements).encode("latin-1")


def _path(instance, token):
    return os.path.join(FOLDER, f"{instance}.{token}.json")


def _read(instance, token):
    try:
        with open(_path(instance, token), encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError as error:
        raise RuntimeError(f"no load {token} is prepared") from error


def _write(instance, token, known):
    """Keep a note where only root reads it: scripts may hold anything."""
    __salt__["kw_textfile.replace"](_path(instance, token), json.dumps(known))
