"""
How the module of redis talks to a server: RESP over a Unix socket, TCP or TLS, as its URL says. Values stream through.

A password goes from the URL into the connection: never into an argument list, an error or a log.
"""

import contextlib
import itertools
import os
import platform
import pwd
import socket
import ssl
import struct
import urllib.parse

__virtualname__ = "kw_redis_wire"
PIECE = 2**18
NEWEST = b"0012"  # version of the format of snapshots that kw_rdb knows
PATIENCE = 600  # seconds without a byte: a server that forks or loads is silent for a while
DEFAULT_PORT = 6379
SWITCHED_OFF = ("none", "optional", "cert_none", "cert_optional")


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_redis_wire: instances run on Linux nodes only"
    return __virtualname__


def connect(url, timeout=PATIENCE, owner=""):
    """
    Connect to a server, log in, and choose the URL's database. For other modules: what it returns has methods.

    url
        ``unix:///path?db=0``, ``redis://user:password@host:6379/0`` or ``rediss://…``; those two may name a file of
        certificates with ``ssl_ca_certs=`` and switch their check off with ``ssl_cert_reqs=none``.
    timeout
        Seconds to wait for the server's next byte. Default: 600.
    owner
        The system user that answers at a Unix socket: whoever may write where that is could lead us to another
        server. Default: anybody.

    Raises ``RuntimeError`` with the server's words, or why there was no connection.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_wire.connect 'unix:///run/redis-mysite/redis.sock'
    """
    return Client(url, timeout, owner)


def parts(url):
    """
    Take a URL apart: ``scheme``, ``path``, ``host``, ``port``, ``user``, ``password``, ``db`` and ``query``.

    url
        As ``connect`` takes it. Raises ``ValueError`` for another scheme.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_wire.parts 'redis://db.example.com/3'
    """
    found = urllib.parse.urlsplit(url)
    if found.scheme not in ("unix", "redis", "rediss"):
        raise ValueError(f"{found.scheme}:// is no URL of a redis: it begins with redis://, rediss:// or unix://")
    query = dict(urllib.parse.parse_qsl(found.query))
    path = urllib.parse.unquote(found.path)
    number = query.get("db") or (path.strip("/") if found.scheme != "unix" else "") or "0"
    if not number.isdigit():
        raise ValueError(f"{number!r} is not the number of a database")
    return {
        "scheme": found.scheme,
        "path": path,
        "host": found.hostname or "localhost",
        "port": found.port or DEFAULT_PORT,
        "user": urllib.parse.unquote(found.username or ""),
        "password": urllib.parse.unquote(found.password or query.get("password", "")),
        "db": int(number),
        "query": query,
    }


class Failure(RuntimeError):
    """What a server refused, in its words."""


class Client:
    """A connection to a server."""

    def __init__(self, url, timeout=PATIENCE, owner=""):
        self.url, self.timeout, self.owner = url, timeout, owner
        self.place = parts(url)
        self.socket = _plug(self.place, timeout)
        if owner:
            _check_peer(self.socket, self.name(), owner)
        self.stream = self.socket.makefile("rb", buffering=PIECE)
        try:
            if self.place["password"]:
                self.call("AUTH", *filter(None, [self.place["user"]]), self.place["password"])
            if self.place["db"]:
                self.call("SELECT", self.place["db"])
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Hang up."""
        self.stream.close()
        self.socket.close()

    def again(self):
        """Another connection to the same place."""
        return Client(self.url, self.timeout, self.owner)

    @staticmethod
    def command(*words):
        """A command as bytes on the wire: its parts are bytes, text or numbers."""
        found = [b"*%d\r\n" % len(words)]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            found.append(b"$%d\r\n%b\r\n" % (len(data), data))
        return b"".join(found)

    def info(self, section):
        """What the server says of itself, as text by name."""
        lines = self.call("INFO", section).decode(errors="replace").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def version(self):
        """The server's version, such as ``7.0.15``."""
        return self.info("server")["redis_version"]

    def snapshot(self, direct):
        """
        Ask for a snapshot as a replica does: its pieces, or nothing where the server gives none.

        direct: whether the server may write it straight into the connection. One that is configured to wait for more
        replicas waits then; otherwise it makes a file first.
        """
        asks = [("REPLCONF", "rdb-only", 1), *([("REPLCONF", "capa", "eof")] if direct else [])]
        self.many(asks)  # an older server doesn't know them, which is no harm
        self.send(self.command("SYNC"))
        line = self.line()
        if line[:1] != b"$":
            return None
        rest = iter(self.some, b"") if line.startswith(b"$EOF:") else self.pieces(int(line[1:]))
        first = b""
        while len(first) < 9:
            first += next(rest)
        if not direct and first[5:9] > NEWEST:
            return None
        return itertools.chain([first], rest)

    def call(self, *words):
        """Give one command, and return its answer: bytes, an integer, a list, or nothing. Errors are raised."""
        answer = self.many([words])[0]
        if isinstance(answer, Failure):
            raise answer
        return answer

    def many(self, commands):
        """Give many commands at once, and return their answers in order; an error is an answer, too."""
        self.send(b"".join(self.command(*words) for words in commands))
        return [self.answer() for _ in commands]

    def send(self, data):
        """Send bytes as they are."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise RuntimeError(f"{self.name()}: {error.strerror or error}") from error

    def answer(self):
        """Read one answer."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else b"".join(self.pieces(int(rest), ending=2))[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        if kind == b"-":
            return Failure(f"{self.name()}: {rest.decode(errors='replace')}")
        return int(rest) if kind == b":" else rest

    def line(self):
        """Read a line; what the server sends to keep the connection alive is left out."""
        line = b""
        while not line:
            line = self._read(self.stream.readline)
            if not line:
                raise RuntimeError(f"{self.name()}: the server hung up")
            line = line.rstrip(b"\r\n")
        return line

    def bulk(self):
        """Read the head of an answer whose value is read by `pieces`: its length, or nothing where there is none."""
        line = self.line()
        if line[:1] != b"$":
            raise Failure(f"{self.name()}: {line[1:].decode(errors='replace')}")
        return None if line == b"$-1" else int(line[1:])

    def pieces(self, length, ending=0):
        """Read so many bytes, and so many of an ending, in pieces."""
        left = length + ending
        while left:
            piece = self._read(self.stream.read, min(left, PIECE))
            if not piece:
                raise RuntimeError(f"{self.name()}: the server hung up")
            left -= len(piece)
            yield piece

    def some(self):
        """Read what there is; nothing at the end."""
        return self._read(self.stream.read1, PIECE)

    def name(self):
        """Where this is connected to, without any password."""
        place = self.place
        return place["path"] if place["scheme"] == "unix" else f"{place['host']}:{place['port']}"

    def _read(self, function, *arguments):
        try:
            return function(*arguments)
        except TimeoutError as error:
            raise RuntimeError(f"{self.name()}: no answer for {self.socket.gettimeout():.0f} seconds") from error
        except OSError as error:
            raise RuntimeError(f"{self.name()}: {error.strerror or error}") from error


def _plug(place, timeout):
    """A connected socket."""
    unix = place["scheme"] == "unix"
    name = place["path"] if unix else f"{place['host']}:{place['port']}"
    plug = None
    try:
        if unix:
            plug = socket.socket(socket.AF_UNIX)
            plug.settimeout(timeout)
            plug.connect(place["path"])
        else:
            plug = socket.create_connection((place["host"], place["port"]), timeout=min(timeout, 10))
            plug.settimeout(timeout)
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place["scheme"] == "rediss":
            plug = _context(place["query"]).wrap_socket(plug, server_hostname=place["host"])
    except OSError as error:
        if plug:
            with contextlib.suppress(OSError):
                plug.close()
        raise RuntimeError(f"{name}: {_reason(error)}") from error
    return plug


def _check_peer(plug, name, owner):
    """Make sure that it is a user's server which listens there; the kernel knows."""
    uid = struct.unpack("3i", plug.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    with contextlib.suppress(KeyError):  # there is no such user
        if uid == pwd.getpwnam(owner).pw_uid:
            return
    plug.close()
    raise RuntimeError(f"{name}: it isn't {owner} who answers there")


def _reason(error):
    """Why there was no connection, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _context(query):
    """TLS as redis-py's URLs ask for it: checked, unless they say otherwise."""
    context = ssl.create_default_context(cafile=query.get("ssl_ca_certs"))
    if query.get("ssl_cert_reqs", "").lower() in SWITCHED_OFF:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
