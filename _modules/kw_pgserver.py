"""
Where an instance's PostgreSQL is, and how its programs are run there. For the modules of the service postgres.

Debian's server on the node is reached by peer login over its socket: administrators' work by the system user
``postgres``, what an archive brings by the instance's own user, so that nothing in it is ever run by a superuser. A
server that is named by a URL is reached by what the URL says; its password goes by the environment, never by argv.
"""

import contextlib
import functools
import glob
import json
import os
import platform
import re
import subprocess
import tempfile
import urllib.parse

__virtualname__ = "kw_pgserver"
SOCKET = "%2Fvar%2Frun%2Fpostgresql"
PROGRAMS = "/usr/lib/postgresql/*/bin/psql"  # not Debian's in PATH, which takes longer to choose one of them
MAINTENANCE = ("postgres", "template1", "defaultdb")  # where to stand while an outside server's database is renamed
# What a URL's query may say, and the variable by which libpq hears of it.
QUERY = {
    **{key: f"PG{key.upper()}" for key in ("host", "port", "user", "password", "options", "sslmode", "sslcert")},
    **{key: f"PG{key.upper()}" for key in ("sslkey", "sslrootcert", "sslcrl", "krbsrvname", "gssencmode")},
    **{"dbname": "PGDATABASE", "channel_binding": "PGCHANNELBINDING", "connect_timeout": "PGCONNECT_TIMEOUT"},
    **{"target_session_attrs": "PGTARGETSESSIONATTRS"},
}
QUIET = "SET client_min_messages = warning; "
# A database belongs to its site, and so do its settings: an administrator in it calls nothing but the server's own.
OWN_WAY = "-c search_path=pg_catalog"
RIGHTS = """
SELECT json_build_object('superuser', rolsuper, 'createdb', rolsuper OR rolcreatedb,
  'createrole', rolsuper OR rolcreaterole, 'owner', pg_has_role(current_user, datdba, 'MEMBER'),
  'open', has_database_privilege('public', d.oid, 'CONNECT'))
FROM pg_roles, pg_database d WHERE rolname = current_user AND datname = :'name'
"""


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_pgserver: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def of(instance):
    """
    The server of an instance, as an object for the modules of this service.

    instance
        Name of the instance. Its options say where the server is: ``url``, or nothing for the node's own.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgserver.of mysite
    """
    options = __salt__["kw_service.options"](instance, "postgres")
    return Outside(instance, options["url"]) if options.get("url") else Here(instance)


class Server:
    """
    A server as an instance sees it.

    instance, user
        Name of the instance and of the system user that it runs as.
    database, role
        The instance's database on the server, and the role that owns it.
    """

    def __init__(self, instance):
        self.instance, self.user = instance, f"web-{instance}"

    def login(self, database=None, admin=True):
        """Who runs a program of the server's, and its variables: an administrator, or the instance's role."""
        raise NotImplementedError

    def start(self, command, database=None, *, admin=True, **options):
        """A program of the server's that runs on, for ``with``; see ``_running``."""
        user, environment = self.login(database, admin)
        identity = __salt__["kw_process.identity"](user, without=["PG"])  # nothing of our own login goes along
        options = {"executable": _newest() if command[0] == "psql" else None, **options}
        return _running(command, **{**identity, "env": {**identity["env"], **environment}}, **options)

    def run(self, command, database=None, *, admin=True, text="", **options):
        """Run a program of the server's to its end, and return its output. Raises ``RuntimeError`` when it fails."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
        with self.start(command, database, admin=admin, **pipes) as process:
            given = None if pipes["stdin"] != subprocess.PIPE else text if isinstance(text, bytes) else text.encode()
            return process.communicate(given)[0].decode(errors="replace")

    def sql(self, sql, database=None, *, admin=True, **names):
        """What the server answers to some SQL; psql quotes the names, :'so' as text and :"so" as a name."""
        return self.run(_psql(names), database, admin=admin, text=f"{QUIET}{sql};\n").strip()

    @contextlib.contextmanager
    def asking(self, sql, database, **names):
        """Some SQL that the server works on meanwhile, as the process of psql, for ``with``; errors come at its end."""
        with self.start(_psql(names), database, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            process.stdin.write(f"{QUIET}{sql};\n".encode())
            process.stdin.close()
            yield process

    def query(self, sql, database=None, **names):
        """What the server answers to SQL whose answer is one JSON value."""
        return json.loads(self.sql(sql, database, **names))

    def version(self):
        """The server's version, such as ``15.14``."""
        return self.sql("SHOW server_version", self.maintenance).split()[0]

    def tools(self):
        """The version of the dump tools that are used for this server."""
        return self.run(["pg_dump", "--version"]).split("(PostgreSQL)")[-1].split()[0]

    def rights(self):
        """What the administrator is and may do there, and whether everybody may enter the database."""
        return self.query(RIGHTS, self.maintenance, name=self.database)

    @property
    def beside(self):
        """Whether a load can have a database beside the present one, and swap both by name."""
        rights = self.rights()
        return rights["createdb"] and rights["owner"] and self.maintenance != self.database


class Here(Server):
    """Debian's server on the node: a role and a database per instance, by peer login over the socket."""

    outside = False
    maintenance = "postgres"

    def __init__(self, instance):
        super().__init__(instance)
        self.database, self.role = instance, self.user

    @functools.cached_property
    def data_directory(self):
        """The folder that the server keeps its databases in."""
        return self.sql("SHOW data_directory", self.maintenance)

    def url(self, database):
        """The address of a database, for the instance's own user."""
        return f"postgresql://{self.role}@{SOCKET}/{database}"

    def login(self, database=None, admin=True):
        """As ``Server.login``; peer login needs the role and the system user to have the same name."""
        found = {"PGDATABASE": database or self.database}
        return ("postgres", {**found, "PGOPTIONS": OWN_WAY}) if admin else (self.user, found)


class Outside(Server):
    """A server that a URL names: everything there is done by the URL's role."""

    outside = True

    def __init__(self, instance, url):
        super().__init__(instance)
        self.address, self.variables = url, _variables(url)
        self.role = self.variables.get("PGUSER", self.user)
        self.database = self.variables.setdefault("PGDATABASE", self.role)

    @functools.cached_property
    def maintenance(self):
        """A database to stand in while others are made and renamed; the instance's own where no other lets us in."""
        return next((name for name in MAINTENANCE if self._enters(name)), self.database)

    def _enters(self, name):
        with contextlib.suppress(RuntimeError):
            return name != self.database and self.sql("SELECT 1", name) == "1"
        return False

    def url(self, database):
        """The address of another database of the same server."""
        parts = urllib.parse.urlsplit(self.address)
        pairs = [pair for pair in urllib.parse.parse_qsl(parts.query) if pair[0] != "dbname"]
        path = "/" + urllib.parse.quote(database, safe="")
        return urllib.parse.urlunsplit(parts._replace(path=path, query=urllib.parse.urlencode(pairs)))

    def login(self, database=None, admin=True):
        """As ``Server.login``; the programs run as the instance's user, who knows the URL anyway."""
        return self.user, {**self.variables, "PGDATABASE": database or self.database}


def _psql(names):
    """The command of psql with variables; it ends at the first error."""
    return ["psql", "-XqAt", "--set=ON_ERROR_STOP=1", *(f"--set={key}={value}" for key, value in names.items())]


def _newest():
    """The newest psql, which knows all servers, as Debian's own choice is; None where it is elsewhere."""
    versions = {float(path.split("/")[4]): path for path in glob.glob(PROGRAMS)}
    return versions[max(versions)] if versions else None


def _variables(url):
    """The variables by which libpq hears what a URL says; keys that only frameworks know are left out."""
    parts = urllib.parse.urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    host, port = re.fullmatch(r"(\[.*\]|[^:]*)(?::(\d*))?", place).groups()
    said = {"user": user, "password": password, "host": host.strip("[]"), "port": port, "dbname": parts.path[1:]}
    said = {key: urllib.parse.unquote(value) for key, value in said.items() if value}
    said.update(urllib.parse.parse_qsl(parts.query))
    return {QUERY[key]: value for key, value in said.items() if key in QUERY}


@contextlib.contextmanager
def _running(command, accepted=(0,), **options):
    """A program while it runs. Raises ``RuntimeError`` with its last words when it fails; it is killed when we do."""
    with tempfile.TemporaryFile() as errors:  # a pipe would have to be read all the time
        try:
            process = subprocess.Popen(command, **{"stderr": errors, **options})
        except FileNotFoundError as error:
            raise RuntimeError(__salt__["kw_process.missing"](command[0])) from error
        try:
            yield process
            process.wait()
        except (EOFError, BrokenPipeError) as error:
            if process.stdin is None:
                raise  # it isn't the one that we talk to
            if process.wait() in accepted:
                raise RuntimeError(f"{command[0]} ended too early") from error
        finally:
            process.kill()
            for pipe in filter(None, (process.stdin, process.stdout)):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
            process.wait()
        if process.returncode not in accepted:
            raise RuntimeError(__salt__["kw_process.failure"](command[0], _last_lines(errors)))


def _last_lines(errors):
    """What a program said last, from its last error on."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4000))
    lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    last = max((number for number, line in enumerate(lines) if "error:" in line.lower()), default=len(lines) - 3)
    return lines[max(0, last) :][:3]
