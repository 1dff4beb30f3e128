"""
A dump of PostgreSQL as pg_restore sees it: what is in it, and how it gets into an empty database. For kw_pgload.

What an archive holds is run by the instance's own role, which gets no more from it than it has. An administrator makes
extensions by their names, roles that can't log in, and publications of all tables; of their text nothing else is let
through.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import threading

__virtualname__ = "kw_pgarchive"
ABOUT = "database.json"
MEMBERS = {"postgres.dump.zst": ("zstd", "-dcq"), "postgres.dump": ("cat",)}  # the second: of archives of layout 1
SPARE = 128 << 20  # bytes that a load leaves free: a server that can't write its log goes down, with all its databases
RESTORE = ("pg_restore", "--exit-on-error", "--no-owner", "--no-acl", "--no-tablespaces")
SCRIPT = ("psql", "-XqAt", "--set=VERBOSITY=terse", "--file=-")
FAILURE = re.compile(r"psql:<stdin>:(\d+): ERROR:  (.*)")
HEADER = re.compile(r"SET [a-z_]+ = |SELECT pg_catalog\.set_config")
STRINGS = "SET standard_conforming_strings = on"  # as kw_pgtoc reads them
MOST_NOTES = 20
LACKING = """
SELECT coalesce(json_agg(wanted), '[]') FROM jsonb_array_elements_text(:'names'::jsonb) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted)
"""
NO_ROLES = """
SELECT coalesce(json_agg(wanted), '[]') FROM jsonb_array_elements_text(:'names'::jsonb) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
"""
ROLE = """CREATE ROLE :"name" NOLOGIN; COMMENT ON ROLE :"name" IS :'words'"""
# Tables and sequences of extensions that a dump holds rows of: the role may fill them for as long as it loads.
FILLABLE = """
SELECT format(:'order', CASE relkind WHEN 'S' THEN 'UPDATE ON SEQUENCE' ELSE 'INSERT ON TABLE' END,
  config::regclass, :'role')
FROM pg_extension, unnest(extconfig) AS config JOIN pg_class c ON c.oid = config \\gexec
"""


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pgarchive: instances run on Linux nodes only"
    return __virtualname__


def opened(server, source):
    """
    A dump, as an object for the modules of this service: it has ``about``, ``check``, ``fill`` and ``notes``.

    server
        Of kw_pgserver, where it shall go.
    source
        Folder on the node with the members of the dump.

    Raises ``RuntimeError`` where it is no dump, or one that this node's programs can't read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgarchive.opened server /web/mysite/dump/20261120T1012/postgres
    """
    return Archive(server, source)


class Archive:
    """
    A dump, and the server that it shall go to.

    about
        What the dump says of its database; little where it is of layout 1.
    notes, counts
        Lines on what it holds and this server can't have, and what was restored: after ``fill``.
    """

    def __init__(self, server, source):
        self.server, self.source, self.notes, self.counts = server, source, [], {}
        self.member = next(
            (name for name in MEMBERS if os.path.exists(os.path.join(source, name))), next(iter(MEMBERS))
        )
        self.about = self._about()
        self.names = dict.fromkeys(self.about.get("roles", ()), server.role)
        self._check_version()
        self.entries = __salt__["kw_pgtoc.sort"](self._text(["--list"]).decode(errors="replace"))

    def check(self):
        """Make sure that it fits the server: its version, extensions, free room. Raises ``RuntimeError``."""
        wanted = [one["name"] for one in self._extensions()]
        lacking = self.server.query(LACKING, self.server.maintenance, names=json.dumps(wanted))
        if lacking:
            raise RuntimeError(
                f"the server lacks the extensions that the dump needs: {', '.join(lacking)}; install them first"
            )
        self._check_room(self.about.get("size", 0))

    def fill(self, database):
        """Restore all into an empty database. Raises ``RuntimeError`` where something of the data fails."""
        self.server.sql("; ".join(self.extensions_sql()), database)
        self._restore(database, self.lines())
        self.counts = __salt__["kw_pgdump.count"](
            self.server.instance, database
        )  # before policies hide rows from the role
        policies, grants, admin = (self.statements(kind) for kind in ("policies", "grants", "admin"))
        self.make_roles(policies, grants)
        self.note(self._run(database, policies), fatal=True)
        self.note(self._run(database, grants))
        refused = self._run(database, admin)
        if refused and self.server.rights()["superuser"]:
            harmless = __salt__["kw_pgtoc.harmless"]
            again = [(text, []) for text, _ in refused if harmless(text)]
            refused = [each for each in refused if not harmless(each[0])] + self._run(database, again, admin=True)
        self.note(refused)
        self.note([(line.split(" ", 3)[3], "not loaded") for line in self.entries["left out"]])

    def _about(self):
        return json.loads(__salt__["kw_textfile.content"](os.path.join(self.source, ABOUT)) or "{}")

    def _check_version(self):
        version, tools = self.about.get("version", "").split(" ")[0], self.about.get("tools", "")
        here, tools_here = self.server.version(), self.server.tools()
        if _major(version) > _major(here):
            raise RuntimeError(
                f"the dump is of PostgreSQL {version}, which {here} can't read: load it into the same or newer"
            )
        if _major(tools) > _major(tools_here):
            raise RuntimeError(f"the dump was made by pg_dump {tools}, newer than this node's pg_restore {tools_here}")

    def _check_room(self, size):
        free = self._free()
        if free is not None and free < size + SPARE:
            needed, found = (f"{number / 10**6:,.0f} MB" for number in (size + SPARE, free))
            raise RuntimeError(
                f"the database needs {needed} beside the present one, and {found} are free on the server's disk"
            )

    def _free(self):
        """Free bytes where the server keeps its data; None for a server that is somewhere else."""
        if self.server.outside:
            return None
        return shutil.disk_usage(self.server.data_directory).free

    def _extensions(self):
        """The extensions that it needs, in the order to make them: ``name`` and ``schema``."""
        if "extensions" in self.about:
            return self.about["extensions"]
        lines = (line for line in self.entries["extensions"] if " COMMENT " not in line)
        return [{"name": line.split(" EXTENSION - ")[1].split()[0], "schema": ""} for line in lines]

    def extensions_sql(self):
        """The SQL that makes its extensions, with the schemas that they lie in, and lets the role use foreign data."""
        quoted = __salt__["kw_pgtoc.identifier"]
        role = quoted(self.server.role)
        found = ["SET check_function_bodies = true", *([] if self.server.outside else ["SET search_path = public"])]
        if self.about.get("public") is False:
            found.append("DROP SCHEMA IF EXISTS public")
        found += [f"CREATE SCHEMA IF NOT EXISTS {quoted(name)} AUTHORIZATION {role}" for name in self._schemas()]
        for one in self._extensions():
            into = f" SCHEMA {quoted(one['schema'])}" if one["schema"] else ""
            found.append(f"CREATE EXTENSION IF NOT EXISTS {quoted(one['name'])}{into} CASCADE")
        if not self.server.outside:
            wrappers = self.about.get("wrappers", ())
            found += [f"GRANT USAGE ON FOREIGN DATA WRAPPER {quoted(name)} TO {role}" for name in wrappers]
        return found

    def lines(self):
        """The list lines of what the role restores, without the schemas that are there with their extensions."""
        there = re.compile(r"\d+; \d+ \d+ SCHEMA - (" + "|".join(map(re.escape, self._schemas())) + ") ")
        return [line for line in self.entries["role"] if not there.match(line)]

    def _schemas(self):
        """The schemas that extensions lie in, but those that every database has."""
        return sorted({one["schema"] for one in self._extensions()} - {"", "public", "pg_catalog"})

    def _restore(self, database, lines):
        """Restore list lines as the instance's role, and end that before the server's disk is full."""
        fillable = {"role": self.server.role}
        if not self.server.outside:
            self.server.sql(FILLABLE, database, order="GRANT %s %s TO %I", **fillable)
        with self.restoring(lines, [f"--dbname={_dsn(database)}"], database) as process, self._watched(process):
            process.wait()
        if not self.server.outside:
            self.server.sql(FILLABLE, database, order="REVOKE %s %s FROM %I", **fillable)

    @contextlib.contextmanager
    def restoring(self, lines, options, database, **streams):
        """A pg_restore that reads the whole archive, as the instance's role; for ``with``."""
        reading = __salt__["kw_member.reading"](self.source, self.member, MEMBERS[self.member])
        with reading as pipe, _listed(lines) as (option, descriptor):
            streams = {"stdin": pipe, "pass_fds": [descriptor], **streams}
            with self.server.start([*RESTORE, option, *options], database, admin=False, **streams) as process:
                yield process

    @contextlib.contextmanager
    def _watched(self, process):
        """Kill a program when the server's disk is nearly full."""
        done, full = threading.Event(), threading.Event()

        def watch():
            while not done.wait(0.1):
                free = self._free()
                if free is not None and free < SPARE:
                    full.set()
                    process.kill()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        if full.is_set():
            raise RuntimeError("the server's disk is full: the load was stopped")

    def statements(self, kind):
        """The statements of a kind of entries, as ``(text, roles that it names)``, roles renamed."""
        if not self.entries[kind]:
            return []
        split = __salt__["kw_pgtoc.statements"](self._text([], self.entries[kind]).decode("latin-1"))
        renamed = [__salt__["kw_pgtoc.renamed"](tokens, self.names) for tokens in split]
        return [(text, roles) for text, roles in renamed if "SESSION AUTHORIZATION" not in text[:30]]

    def make_roles(self, *kinds):
        """Make the roles that grants and policies name, unable to log in, where the server lacks them."""
        if not self.server.rights()["createrole"]:
            return
        wanted = sorted({role for statements in kinds for _, roles in statements for role in roles})
        words = f"kraftwerk: named by grants in {self.server.database}"
        for name in self.server.query(NO_ROLES, self.server.maintenance, names=json.dumps(wanted)):
            self.server.sql(ROLE, self.server.maintenance, name=name, words=words)
            self.notes.append(f"made the role {name}, which can't log in: grants name it")

    def _run(self, database, statements, admin=False):
        """Run statements each on its own; those that failed, with the server's reason."""
        texts = [text for text, _ in statements]
        header = [text for text in texts if HEADER.match(text)]
        texts = [text for text in texts if not HEADER.match(text)]
        if admin:
            header = [STRINGS]
            texts = [text for text in texts if __salt__["kw_pgtoc.harmless"](text)]
        ends, line = {}, 0
        for text in [*header, *texts]:
            line += text.count("\n") + 1
            ends[line] = text
        script = "".join(f"{text};\n" for text in ends.values()).encode("latin-1")
        said = self.server.run(SCRIPT, database, admin=admin, text=script, stderr=subprocess.STDOUT) if texts else ""
        return [(ends.get(int(number), ""), reason) for number, reason in FAILURE.findall(said)]

    def note(self, refused, fatal=False):
        """Keep in mind what a server refused, shortly; or raise ``RuntimeError`` for it."""
        lines = [f"left out: {' '.join(text.split())[:160]} ({reason})" for text, reason in refused]
        if fatal and lines:
            raise RuntimeError("; ".join(lines[:3]))
        self.notes += lines[:MOST_NOTES]
        if len(lines) > MOST_NOTES:
            self.notes.append(f"left out: {len(lines) - MOST_NOTES} more of that kind")

    def _text(self, options, lines=None):
        """What pg_restore prints of the archive: its list, or the SQL of some of its lines. It reads the head alone."""
        with contextlib.ExitStack() as stack:
            descriptors = []
            if lines is not None:
                option, descriptor = stack.enter_context(_listed(lines))
                options, descriptors = [*options, "--file=-", "--no-owner", option], [descriptor]
            stream = stack.enter_context(open(os.path.join(self.source, self.member), "rb"))
            pipe = {"stdin": stream, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            unpacker = stack.enter_context(subprocess.Popen(MEMBERS[self.member], **pipe))
            stack.callback(unpacker.kill)
            reader = {"stdin": unpacker.stdout, "stdout": subprocess.PIPE, "pass_fds": descriptors}
            with self.server.start(["pg_restore", *options], admin=False, **reader) as process:
                return process.stdout.read()


def _major(version):
    """The first number of a version; 0 where there is none."""
    return int((re.match(r"\d+", version) or ["0"])[0])


def _dsn(database):
    """A connection string; libpq's own quoting, so that no name is taken for options."""
    return "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"


@contextlib.contextmanager
def _listed(lines):
    """A list for pg_restore, as its option and the descriptor to pass: no file that its user would have to reach."""
    descriptor = os.memfd_create("entries")
    try:
        data = "".join(f"{line}\n" for line in lines).encode()
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        os.fchmod(descriptor, 0o644)
        yield f"--use-list=/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)
