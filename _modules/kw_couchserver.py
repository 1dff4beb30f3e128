"""
The CouchDB server of an instance, over HTTP: where it is, who asks it, and which databases are the instance's.

Requests go over one connection that is kept; answers are read in pieces, so that memory stays flat. What opens the
server travels in a header and stands in no argument. Errors are raised as ``RuntimeError`` with the server's reason.
"""

import base64
import codecs
import contextlib
import http.client
import json
import os
import platform
import pwd
import re
import secrets
import time
import urllib.parse

__virtualname__ = "kw_couchserver"
ADMIN = "/etc/kraftwerk/secrets/couchdb.json"  # where the node's own server listens, and its admin's password
NAME = "kraftwerk"
PIECE = 2**18
PATIENCE = 600  # seconds without a byte; the server may be building something
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
SCRATCH = "kwload-"
DECODER = json.JSONDecoder()
GAP = re.compile(r"[\s,]*")
TRIES = 40  # times that a server is asked again that is being started, half a second apart


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_couchserver: instances run on Linux nodes only"
    return __virtualname__


def of(instance):
    """
    The server of an instance, as an object for the modules of this service.

    instance
        Name of the instance. Its options say where the server is: ``url``, or nothing for the node's own.

    Raises ``RuntimeError`` where the node's own server isn't set up.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.of mysite
    """
    options = __salt__["kw_service.options"](instance, "couchdb")
    url = options.get("url") or local()
    return Server(url, prefix_of(instance, options), _listed(options), outside="url" in options)


def local(user="", password=""):
    """
    The URL of this node's own server.

    user
        Who asks it. Default: kraftwerk's own admin.
    password
        Their password, in plain text.

    Raises ``RuntimeError`` where it isn't set up.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.local web-mysite hush
    """
    try:
        with open(ADMIN, encoding="utf-8") as stream:
            found = json.load(stream)
    except FileNotFoundError as error:
        raise RuntimeError("CouchDB isn't set up on this node") from error
    login = f"{quoted(user)}:{quoted(password)}" if user else f"{NAME}:{found['password']}"
    return f"http://{login}@127.0.0.1:{found['port']}/"


def set_up(name, port=5984, test=False):
    """
    Make an admin of this node's server unless there is one; the server must be restarted then.

    name
        Path of the server's configuration file that shall name the admin.
    port
        Where the server listens. Default: ``5984``.
    test
        Only say whether one would be made. Default: ``False``.

    Returns whether one was made.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.set_up /opt/couchdb/etc/local.d/kraftwerk-admin.ini
    """
    if os.path.exists(ADMIN) and os.path.exists(name):
        return False
    if not test:
        password, owner = secrets.token_urlsafe(36), pwd.getpwnam("couchdb")
        replace = __salt__["kw_textfile.replace"]
        replace(name, f"[admins]\n{NAME} = {password}\n", owner=(owner.pw_uid, owner.pw_gid))
        replace(ADMIN, json.dumps({"port": port, "password": password}))
    return True


def prefix_of(instance, options):
    """
    What the names of an instance's databases begin with. No name of another instance begins so: theirs have no ``_``.

    instance
        Name of the instance.
    options
        The service's options.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.prefix_of mysite '{}'
    """
    name = instance if instance[0].isalpha() else f"kw{instance}"  # CouchDB wants a letter first
    return options.get("prefix", f"{name}_")


def _listed(options):
    """The names behind the prefix that options list; none is every name."""
    found = options.get("databases", [])
    return [found] if isinstance(found, str) else list(found)


class Server:
    """
    A server as an instance sees it.

    url
        Its address without who asks; ``user`` and ``password`` apart.
    prefix, listed
        What names of the instance's databases begin with, and those that there are; empty is all.
    """

    def __init__(self, url, prefix, listed=(), outside=False):
        self.parts = __salt__["kw_service.parts"](url)
        self.prefix, self.listed, self.outside = prefix, list(listed), outside
        self.base = f"/{self.parts['path'].strip('/')}".rstrip("/")
        self._connection = None
        if not prefix and not self.listed:
            raise RuntimeError("services.couchdb: with an empty prefix, databases must list the project's own")

    def as_user(self, url):
        """The same server, asked by somebody else."""
        return Server(url, self.prefix, self.listed, self.outside)

    def other(self):
        """The same server over a connection of its own: to ask something while an answer is being read."""
        found = object.__new__(Server)
        found.__dict__.update(self.__dict__, _connection=None)
        return found

    def databases(self):
        """The names, behind the prefix, of the instance's databases that exist."""
        if self.listed:
            return [name for name in sorted(self.listed) if self.exists(self.prefix + name)]
        return [name.removeprefix(self.prefix) for name in self.names() if name.startswith(self.prefix)]

    def scratch(self, prefix=""):
        """The databases of loads that were prepared for this instance; with ``prefix`` those of one of them."""
        ours = re.compile(rf"{SCRATCH}[a-z0-9]{{8,16}}_{re.escape(self.prefix)}")
        known = set(self.listed)
        found = [(name, ours.match(name)) for name in self.names() if name.startswith(prefix or SCRATCH)]
        return [name for name, match in found if match and (self.prefix or name[match.end() :] in known)]

    def names(self):
        """The names of all databases on the server."""
        return sorted(name for name in self.ask("GET", "_all_dbs") if not name.startswith("_"))

    def exists(self, database):
        """Whether there is such a database."""
        return self.ask("GET", quoted(database), missing=None) is not None

    def size(self, name):
        """The bytes of a database of the instance on the server's disk."""
        about = self.ask("GET", quoted(self.prefix + name))
        return int(about.get("sizes", {}).get("file") or about.get("disk_size") or 0)

    def version(self):
        """The server's version, such as ``3.3.3``."""
        return str(self.ask("GET", "").get("version", ""))

    def ask(self, method, path, body=None, accepted=(), **missing):
        """
        What the server answers, from JSON.

        body
            JSON.
        accepted
            Statuses beside those of success that are none to fail for.
        missing
            What is returned for 404; without it that is an error.
        """
        data = None if body is None else json.dumps(body).encode()
        with self.reply(method, path, data, accepted=(*accepted, *((404,) if missing else ()))) as reply:
            text = reply.read()
            return missing["missing"] if missing and reply.status == 404 else json.loads(text or b"null")

    @contextlib.contextmanager
    def reply(self, method, path, data=None, headers=None, accepted=()):
        """The answer to a request while it is being read, for ``with``; ``data`` is bytes, or pieces with a length."""
        reply = self._send(method, path, data, {**JSON, **(headers or {})})
        try:
            if not 200 <= reply.status < 300 and reply.status not in accepted:
                raise RuntimeError(f"CouchDB at {self.parts['host']}: {method} /{path.split('?')[0]}: {_reason(reply)}")
            yield reply
        finally:
            if not reply.isclosed():  # what nobody read would stand before the next answer
                self.close()

    def close(self):
        """Close the connection; the next request opens one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, method, path, data, headers):
        """Send a request; a connection that the server closed meanwhile is opened anew."""
        if self.parts["user"]:
            pair = f"{self.parts['user']}:{self.parts['password']}".encode()
            headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}", **headers}
        again = self._connection is not None and (data is None or isinstance(data, bytes))
        try:
            return self._request(method, f"{self.base}/{path}", data, headers)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            if not again or isinstance(error, TimeoutError):
                why = str(error) or type(error).__name__
                raise RuntimeError(f"CouchDB at {self.parts['host']} can't be reached: {why}") from error
        return self._send(method, path, data, headers)

    def _request(self, method, path, data, headers):
        if self._connection is None:
            kind = http.client.HTTPSConnection if self.parts["scheme"] == "https" else http.client.HTTPConnection
            self._connection = kind(self.parts["host"], self.parts["port"], timeout=PATIENCE)
        self._connection.request(method, path, data, headers)
        return self._connection.getresponse()

    def wait(self):
        """Wait until the server answers; raises ``RuntimeError`` where it doesn't within seconds."""
        for left in reversed(range(TRIES)):
            try:
                return self.ask("GET", "")
            except RuntimeError:
                self.close()
                if not left:
                    raise
                time.sleep(0.5)


def quoted(name):
    """
    A name as it stands in a URL's path.

    name
        Of a database, a document or an attachment.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.quoted 'a/b'
    """
    return urllib.parse.quote(name, safe="")


def items(reply, key):
    """
    The values of an array in a JSON answer, one after the other as they arrive; what stands behind it comes last.

    reply
        The answer, from ``Server.reply``.
    key
        The array's key; it is the first one of the answer, or the answer has no other array.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchserver.items reply results
    """
    pieces, buffer, more = _text(reply), "", True
    head = re.compile(rf'.*?"{key}"\s*:\s*\[', re.DOTALL)
    while not (match := head.match(buffer)) and more:
        buffer, more = _longer(buffer, pieces)
    buffer, ended = buffer[match.end() :] if match else "", False
    while not ended:
        found, position, ended = _values(buffer)
        yield from found
        if not (ended or more):
            raise RuntimeError("CouchDB's answer ends too early")
        buffer, more = _longer(buffer[position:], pieces)
    for _ in pieces:  # to the answer's end, so that the connection can be used again
        pass


def _values(text):
    """The whole values at the beginning of an array's text, where the rest begins, and whether the array ends there."""
    found, position = [], 0
    while True:
        position = GAP.match(text, position).end()
        if text[position : position + 1] == "]":
            return found, position, True
        try:
            value, position = DECODER.raw_decode(text, position)
        except ValueError:
            return found, position, False
        found.append(value)


def _longer(text, pieces):
    """A text that is twice as long by what follows, and whether more may come: long values aren't parsed too often."""
    found, length = [text], len(text)
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length >= 2 * len(text):
            return "".join(found), True
    return "".join(found), False


def _text(reply):
    """The text of an answer in pieces that don't cut a character."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while piece := reply.read1(PIECE):
        yield decoder.decode(piece)
    decoder.decode(b"", final=True)


def _reason(reply):
    """Why a server refused, in its own words."""
    text = reply.read(PIECE).decode(errors="replace").strip()
    try:
        said = json.loads(text)
        return f"{reply.status} {said.get('reason') or said.get('error')}"
    except (ValueError, AttributeError):
        return f"{reply.status} {text[:200] or reply.reason}"
