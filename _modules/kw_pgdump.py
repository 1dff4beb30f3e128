"""
Dumping PostgreSQL: pg_dump and a count of all rows in one snapshot, and what pg_dump leaves out. For kw_postgres.
"""

import contextlib
import json
import platform
import subprocess

__virtualname__ = "kw_pgdump"
MEMBER, ABOUT_MEMBER = "postgres.dump.zst", "database.json"
PATIENCE = 300_000  # milliseconds to wait for a table that somebody holds, such as a migration
# One query counts all tables, in the same snapshot as the dump; those of extensions come with the extension.
COUNTS = """
SELECT jsonb_build_object('rows_by_table', (SELECT coalesce(jsonb_object_agg(name, rows), '{}') FROM (
  SELECT n.nspname || '.' || c.relname AS name,
    (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I.%I', n.nspname, c.relname),
      false, true, '')))[1]::text::bigint AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
  ORDER BY 1) AS tables), 'large_objects', (SELECT count(*) FROM pg_largeobject_metadata))
"""
CHECK = """
DO $check$ BEGIN
  IF ({found}) <> {wanted}::jsonb THEN
    RAISE EXCEPTION 'after the load the database does not hold what the dump says';
  END IF;
END $check$;
"""
SIZES = """
SELECT coalesce(jsonb_object_agg(n.nspname || '.' || c.relname, pg_total_relation_size(c.oid)), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
"""
# What pg_dump doesn't say, or says in a way that pg_restore can't change.
ABOUT = """
SELECT jsonb_build_object(
  'version', current_setting('server_version'), 'database', datname, 'size', pg_database_size(d.oid),
  'roles', (SELECT jsonb_agg(rolname) FROM pg_roles r WHERE rolname = :'role' OR (r.oid = datdba AND NOT rolsuper)),
  'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
  'provider', to_jsonb(d) ->> 'datlocprovider', 'rules', to_jsonb(d) ->> 'daticurules',
  'locale', coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'),
  'comment', shobj_description(d.oid, 'pg_database'),
  'public', EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public'),
  'extensions', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', extname, 'schema', nspname, 'version', extversion)
    ORDER BY e.oid), '[]') FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql'),
  'wrappers', (SELECT coalesce(jsonb_agg(fdwname), '[]') FROM pg_foreign_data_wrapper, aclexplode(fdwacl)
    WHERE grantee = to_regrole(quote_ident(:'role')) AND privilege_type = 'USAGE'),
  'settings', (SELECT coalesce(jsonb_agg(jsonb_build_array(pg_get_userbyid(nullif(setrole, 0)),
    split_part(line, '=', 1), substr(line, strpos(line, '=') + 1))), '[]')
    FROM pg_db_role_setting, unnest(setconfig) AS line WHERE setdatabase = d.oid),
  'grants', (SELECT coalesce(jsonb_agg(jsonb_build_array(rolname, privilege_type)), '[]')
    FROM aclexplode(datacl) JOIN pg_roles r ON r.oid = grantee WHERE rolname <> :'role' AND r.oid <> datdba))
FROM pg_database d WHERE datname = current_database()
"""
BEGIN = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; "
    f"SET lock_timeout = {PATIENCE}; "
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
)


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pgdump: instances run on Linux nodes only"
    return __virtualname__


def dump(instance, target):
    """
    Dump the database, and count its rows in the very same snapshot.

    instance
        Name of the instance.
    target
        Folder on the node for the member files, or the stream of an archive.

    Returns ``version``, ``members``, ``counts`` and ``consistency``. Raises ``RuntimeError`` where the server's
    programs fail or are older than the server.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgdump.dump mysite /web/mysite/dump/20261120T1012
    """
    server = __salt__["kw_pgserver.of"](instance)
    version, tools = server.version(), server.tools()
    if int(tools.split(".")[0]) < int(version.split(".")[0]):
        raise RuntimeError(
            f"the server is PostgreSQL {version}, and this node's pg_dump {tools} can't read it: update it"
        )
    writing = __salt__["kw_member.writing"]
    with _snapshot(server) as snapshot:
        counts = _counts(json.loads(snapshot.query(COUNTS)))
        known = {**json.loads(snapshot.query(ABOUT)), "tools": tools, "counts": counts}
        with writing(target, ABOUT_MEMBER) as about:
            about.write(json.dumps(known, indent=1).encode() + b"\n")
        with writing(target, MEMBER) as member:
            user, environment = server.login()
            command = ["pg_dump", "--format=custom", "--compress=0", f"--snapshot={snapshot.name}"]
            command.append(f"--lock-wait-timeout={PATIENCE}")
            member.run(command, user=user, env=environment, filter="zstd")
    members = [about.describe(), member.describe()]
    return {"version": version, "members": members, "counts": counts, "consistency": "one transaction"}


def count(instance, database=None):
    """
    Count tables, rows, and large objects where there are any.

    instance
        Name of the instance.
    database
        Another database of its server. Default: its own.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgdump.count mysite
    """
    return _counts(__salt__["kw_pgserver.of"](instance).query(COUNTS, database))


def check(counts):
    """
    SQL that fails where a database doesn't hold what a dump says.

    counts
        The dump's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgdump.check '{rows_by_table: {public.people: 3}}'
    """
    wanted = {"rows_by_table": counts["rows_by_table"], "large_objects": counts.get("large objects", 0)}
    text = json.dumps(wanted).replace("\\", "\\\\").replace("'", "''")
    return CHECK.format(found=COUNTS.strip(), wanted=f"E'{text}'")


def sizes(instance):
    """
    The bytes of all tables with their indexes, by name.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgdump.sizes mysite
    """
    return __salt__["kw_pgserver.of"](instance).query(SIZES)


class _Snapshot:
    """A transaction that is kept open, so that a dump and the counts see the same rows."""

    def __init__(self, process):
        self.process = process
        self.name = self.query(f"{BEGIN}; SELECT pg_export_snapshot()")

    def query(self, sql):
        """The one line that a query answers."""
        self.process.stdin.write(f"{sql};\n".encode())
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode().strip()
        if not line:
            raise EOFError
        return line


@contextlib.contextmanager
def _snapshot(server):
    """One of a server's; it ends with the body."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with server.start(["psql", "-XqAt", "--set=ON_ERROR_STOP=1", f"--set=role={server.role}"], **pipes) as process:
        yield _Snapshot(process)
        process.stdin.close()


def _counts(found):
    """Counts as a manifest keeps them, from the answer to COUNTS."""
    rows = dict(sorted(found["rows_by_table"].items()))
    counts = {"tables": len(rows), "rows": sum(rows.values()), "rows_by_table": rows}
    return {**counts, **({"large objects": found["large_objects"]} if found["large_objects"] else {})}
