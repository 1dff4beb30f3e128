"""
Where an instance's MariaDB or MySQL is, and how its programs are run there. For the modules of the service mysql.

Debian's server on the node is reached over its socket, where the kernel says who comes: administrators' work by root,
all that an archive brings by the instance's own user. A server that is named by a URL is reached by what the URL says;
its password goes by an option file in memory that no other user can open.
"""

import contextlib
import os
import platform
import re
import subprocess
import tempfile

__virtualname__ = "kw_mysqlserver"
SOCKET = "/run/mysqld/mysqld.sock"
CHARSET = "utf8mb4"
# What a URL's query may say (drivers of Python spell it with _), and the client's own name for it.
QUERY = {"unix_socket": "socket", "connect_timeout": "connect-timeout", "ssl_ca": "ssl-ca", "ssl_cert": "ssl-cert"}
QUERY |= {"ssl_key": "ssl-key", "ssl": "ssl", "ssl_verify_server_cert": "ssl-verify-server-cert"}
UNCHECKED = "loose-ssl-verify-server-cert"  # older clients don't know it
KINDS = {"TABLE": "BASE TABLE", "VERSIONED": "SYSTEM VERSIONED", "SEQUENCE": "SEQUENCE", "VIEW": "VIEW"}
DATABASES = """
SELECT schema_name FROM information_schema.schemata WHERE LEFT(schema_name, CHAR_LENGTH({start})) = {start}
"""
TABLES = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = {database} ORDER BY 1"


def __virtual__():
    """Load on Linux only. Without a server installed the functions say so, as on a node before its first run."""
    if platform.system() != "Linux":
        return False, "kw_mysqlserver: the server is reached by a Unix socket, on Linux nodes only"
    return __virtualname__


def of(instance):
    """
    The server of an instance, as an object for the modules of this service.

    instance
        Name of the instance. Its options say where the server is: ``url``, or nothing for the node's own.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlserver.of mysite
    """
    options = __salt__["kw_service.options"](instance, "mysql")
    if not options.get("url"):
        return _Here(instance)
    return _Outside(instance, options["url"], __salt__["kw_service.parts"](options["url"]))


def name(word):
    """
    A name as it stands in SQL.

    word
        Of a database, a table, a user.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlserver.name mysite
    """
    return "`" + word.replace("`", "``") + "`"


def text(word):
    """
    A text as it stands in SQL.

    word
        Any text.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlserver.text "it's"
    """
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def client():
    """
    The client's words for SQL that came from elsewhere: it obeys no commands in it but the server's.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_mysqlserver.client
    """
    return [
        "mariadb",
        "--binary-mode",
        "--loose-sandbox",
        "--max-allowed-packet=1G",
        f"--default-character-set={CHARSET}",
    ]


class _Server:
    """
    A server as an instance sees it.

    instance, user
        Name of the instance and of the system user that it runs as.
    database, login_name, account
        The instance's database on the server, and who it is there; ``account`` as it stands in SQL.
    """

    def __init__(self, instance):
        self.instance, self.user = instance, f"web-{instance}"

    def login(self, program, admin):
        """How a program is started: its first words, and options of ``subprocess.Popen``. For ``with``."""
        raise NotImplementedError

    def sql(self, sql, within=None, *, admin=True, **texts):
        """
        What the server answers to SQL: a list of rows, each a list of texts.

        within
            The database to stand in.
        texts
            What stands in the SQL for ``{so}``, as a text.
        """
        if texts:
            sql = sql.format_map({key: text(value) for key, value in texts.items()})
        words = ["mariadb", "--batch", "--skip-column-names", f"--default-character-set={CHARSET}"]
        answer = self.run([*words, *([within] if within else [])], admin=admin, text=f"{sql};\n")
        return [[_unescaped(field) for field in line.split("\t")] for line in answer.split("\n")[:-1]]

    def column(self, sql, **texts):
        """The first field of each row that the server answers."""
        return [row[0] for row in self.sql(sql, **texts)]

    def run(self, words, *, admin=True, text=None, **options):
        """Run a program of the server to its end; returns its output. Raises ``RuntimeError`` with its last words."""
        streams = {"stdout": subprocess.PIPE, **({"stdin": subprocess.PIPE} if text is not None else {})}
        with self.running(words, admin=admin, **streams, **options) as process:
            return process.communicate(None if text is None else text.encode())[0].decode(errors="replace")

    @contextlib.contextmanager
    def running(self, words, *, admin=True, **options):
        """A program while it runs; killed when the body fails. Raises ``RuntimeError`` with its last words."""
        with self.login(words[0], admin) as (first, login), tempfile.TemporaryFile() as errors:
            try:
                pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": errors}
                process = subprocess.Popen([*first, *words[1:]], **{**pipes, **login, **options})
            except FileNotFoundError as error:
                raise RuntimeError(__salt__["kw_process.missing"](words[0])) from error
            try:
                yield process
                _close(process.stdin, process.stdout)
                process.wait()
            except BrokenPipeError:
                process.wait()  # it ended before it took all: its words say why
            finally:
                process.kill()
                with contextlib.suppress(BrokenPipeError):
                    _close(process.stdin, process.stdout)
                process.wait()
            if process.returncode:
                raise RuntimeError(__salt__["kw_process.failure"](words[0], _last_lines(words[0], errors)))

    def version(self):
        """The server's version, such as ``10.11.19``."""
        return re.match(r"[\d.]*\d", self.column("SELECT VERSION()")[0])[0]

    @staticmethod
    def pattern(database, end=""):
        """A database as it stands in GRANT, where these two stand for any character; ``end`` is such a pattern."""
        return name(database.replace("_", "\\_").replace("%", "\\%") + end)

    def databases(self, start):
        """Databases whose names begin so."""
        return self.column(DATABASES, start=start)

    def tables(self, database, *kinds):
        """Names of a database's tables of some kinds, of ``TABLE``, ``VERSIONED``, ``SEQUENCE`` and ``VIEW``."""
        return [name for name, kind in self.sql(TABLES, database=database) if kind in [KINDS[each] for each in kinds]]


class _Here(_Server):
    """Debian's server on the node: an account and a database per instance, over the socket."""

    outside = False

    def __init__(self, instance):
        super().__init__(instance)
        self.database, self.login_name = instance, self.user
        self.account = f"{text(self.user)}@'localhost'"

    def variables(self, database):
        """What a program of the instance's needs to know to reach a database of it."""
        url = f"mysql://{self.user}@localhost/{database}?unix_socket={SOCKET}&charset={CHARSET}"
        return {"MYSQL_URL": url, "MYSQL_DATABASE": database, "MYSQL_USER": self.user}

    def manners(self):
        """How the client is to connect, as arguments."""
        return ["--no-defaults", "--protocol=socket"]

    @contextlib.contextmanager
    def login(self, program, admin):
        """As ``_Server.login``: the server knows a user by the one that the system knows."""
        user = "root" if admin else self.user
        yield [program, "--no-defaults", "--protocol=socket", f"--socket={SOCKET}", f"--user={user}"], _as(user)


class _Outside(_Server):
    """A server that a URL names: everything there is done by the URL's account."""

    outside = True

    def __init__(self, instance, url, parts):
        super().__init__(instance)
        self.url, self.parts = url, parts
        self.database, self.login_name, self.account = parts["path"], parts["user"], "CURRENT_USER"
        self.file = parts["query"].get("read_default_file", "")
        if not self.database:
            raise RuntimeError("services.mysql.url names no database: mysql://USER:PASSWORD@HOST/DATABASE")

    def variables(self, database):
        """As ``_Here.variables``."""
        address, query, rest = self.url.partition("?")
        url = f"{address.rpartition('/')[0]}/{database}{query}{rest}"
        found = {"MYSQL_URL": url, "MYSQL_DATABASE": database, "MYSQL_USER": self.parts["user"]}
        found |= {"MYSQL_HOST": self.parts["host"], "MYSQL_PWD": self.parts["password"]}
        found |= {"MYSQL_TCP_PORT": str(self.parts["port"])} if self.parts["port"] else {}
        return found | ({"MYSQL_OPTION_FILE": self.file} if self.file else {})

    def manners(self):
        """As ``_Here.manners``; nothing of it is secret."""
        first = f"--defaults-file={self.file}" if self.file else "--no-defaults"
        return [first, *(f"--{key}={value}" for key, value in self._asked().items())]

    @contextlib.contextmanager
    def login(self, program, admin):
        """As ``_Server.login``. The programs run as the instance's user, who knows the URL anyway."""
        login = _as(self.user)
        descriptor = os.memfd_create("login")
        try:
            os.write(descriptor, self._options().encode())
            os.fchmod(descriptor, 0o600)
            os.fchown(descriptor, login["user"], login["group"])
            yield [program, f"--defaults-file=/proc/self/fd/{descriptor}"], {**login, "pass_fds": [descriptor]}
        finally:
            os.close(descriptor)

    def _options(self):
        """The URL as an option file."""
        found = {key: str(self.parts[key]) for key in ("host", "port", "user", "password") if self.parts[key]}
        found |= self._asked()
        quoted = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in found.items()}
        other = f"!include {self.file}\n" if self.file else ""
        return f"{other}[client]\n" + "".join(f'{key}="{value}"\n' for key, value in quoted.items())

    def _asked(self):
        """What the query asks for. Certificates are checked as loosely as by Python's drivers, unless it says how."""
        asked = {key.replace("-", "_"): value for key, value in self.parts["query"].items()}
        loosely = {} if self.file else {UNCHECKED: "0"}
        return loosely | {QUERY[key]: value for key, value in asked.items() if key in QUERY}


def _close(*streams):
    for stream in filter(None, streams):
        stream.close()


def _as(user):
    """How to start a program as another user."""
    return __salt__["kw_process.identity"](user, without=["MYSQL", "MARIADB"])


def _unescaped(field):
    """A field of `mariadb --batch`, where tabs, line ends and backslashes of values are escaped."""
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "0": "\0"}.get(found[1], found[1]), field)


def _last_lines(program, errors):
    """What a program said last; without statements, which may hold data."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4000))
    lines = [line.strip() for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    return ([line for line in lines if re.match(rf"ERROR|{re.escape(program)}", line)] or lines)[-3:]
