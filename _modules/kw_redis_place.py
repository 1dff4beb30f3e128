"""
Where an instance's keys are: in a server of its own, or among others' in one that is shared. For ``kw_redis``.

Both kinds answer to the same methods, also for the place beside where a load puts its keys.
"""

import contextlib
import platform
import urllib.parse

__virtualname__ = "kw_redis_place"
DEFAULTS = {
    "maxmemory": "25%",
    "eviction": "noeviction",
    "appendonly": "yes",
    "databases": "16",
    "db": "",
    "prefix": "",
}
LOADING = b"kraftwerk.load."
SPARE = 32 * 2**20  # bytes of memory that a load leaves to others
EMPTY = b"REDIS0009\xff" + bytes(8)  # a snapshot without keys
PIECE = 2**20
UNCHECKED = ("none", "optional", "cert_none", "cert_optional")


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_redis_place: instances run on Linux nodes only"
    return __virtualname__


def of(instance, token="", server=False):
    """
    The place of an instance's keys, or the one beside it where a load puts its own.

    instance
        Name of the instance.
    token
        That of the load. Default: the place of the present keys.
    server
        The server itself, also where other nodes use it, too. Default: ``False``.

    Raises ``ValueError`` for options that can't be, or a token that is none.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_redis_place.of mysite  # not of use there
    """
    if token:
        __salt__["kw_name.token"](token)
    options = {**DEFAULTS, **__salt__["kw_service.options"](instance, "redis")}
    if options.get("clients") and not server:
        options["url"] = f"unix://{__salt__['kw_redis_server.socket'](instance)}"
        options["user"] = options.get("user") or __salt__["kw_redis_network.user"](instance)
    return (_Shared if options.get("url") else _Own)(instance, options, token)


class _Place:
    """What both kinds have in common."""

    def __init__(self, instance, options, token):
        self.instance, self.options, self.token = instance, options, token
        self.prefix = options["prefix"].encode()

    def connect(self, *timeout):
        """A connection to the server, in the database that is the project's."""
        return __salt__["kw_redis_wire.connect"](self.address(), *timeout, owner=self.owner())

    def owner(self):
        """Who answers there: the user that the instance's own server runs as; of others nothing is known."""
        here = self.own or self.options.get("clients")
        return __salt__["kw_redis_network.keeper"](self.instance) if here else ""

    def address(self):
        """What root connects to."""
        return self.url()

    def with_celery(self, found, url):
        """Variables, and the one that Celery reads by itself where an option asks for it."""
        if self.options.get("celery") == "yes":
            found["CELERY_BROKER_URL"] = url
        return found

    def check(self, found):
        """Refuse a snapshot of a newer server than this one."""
        there = self.version()
        if found["version"] and _release(found["version"]) > _release(there):
            dumped = f"the keys are of redis {found['version']}"
            raise RuntimeError(f"{dumped}, which {there} can't read: load them where redis is as new")

    def renaming(self, note):
        """How a key of a dump is called here: its prefix becomes this one's."""
        old = note.get("prefix", "").encode()
        return lambda key: self.prefix + key[len(old) :] if key.startswith(old) else key

    def restored(self, client, read, note, **options):
        """Put the keys of a dump into a server one by one; what `kw_rdb.restore` found, and notes."""
        put = __salt__["kw_redis_keys.restorer"](client, self.renaming(note), **options)
        found = __salt__["kw_rdb.restore"](read, put, self.check)
        put.flush()
        return found, put.notes


class _Own(_Place):
    """A server of the instance's own, under systemd; beside it a second one."""

    own = True

    def socket(self):
        """The path of its socket."""
        return __salt__["kw_redis_server.socket"](self.instance, self.token or "redis")

    def address(self):
        """The server's socket, with root's password where it has one."""
        folder = __salt__["kw_redis_server.folder"](self.instance)
        return f"{__salt__['kw_redis_network.address'](folder, self.socket())}?db={self.options['db'] or 0}"

    def url(self):
        """As redis-py, Django and RQ take it."""
        return f"unix://{self.socket()}?db={self.options['db'] or 0}"

    def version(self):
        """The version of the server that a load starts."""
        return __salt__["kw_redis_server.version"]()

    def environ(self):
        """The variables of the instance's environment."""
        found = {"REDIS_URL": self.url()}
        if self.prefix:
            found["REDIS_PREFIX"] = self.prefix.decode()
        return self.with_celery(found, f"redis+socket://{self.socket()}?virtual_host={self.options['db'] or 0}")

    def settings(self):
        """The server's settings."""
        return __salt__["kw_redis_settings.follow"](self.options)

    def counts(self, client):
        """Its keys now, by database and type."""
        found = {"keys": 0, "keys_by_db": {}, "keys_by_type": {}}
        for name in client.info("keyspace"):
            client.call("SELECT", name[2:])
            _count(client, b"", found, name[2:])
        if libraries := client.call("FUNCTION", "LIST"):
            found["functions"] = len(libraries)
        return found

    def groups(self, client, sample):
        """Its keys by the first part of their names."""
        dbs = [name[2:] for name in client.info("keyspace")]
        return __salt__["kw_redis_keys.groups"](client, b"", sample, dbs)

    def load(self, read, note):
        """Start a second server on a snapshot, beside the one that is live; the counts, and notes."""
        kept = self.settings()["appendonly"] == "yes"
        as_it_is = note.get("prefix", "").encode() == self.prefix
        path = __salt__["kw_redis_server.fill"](self.instance, self.token, kept)
        with open(path, "wb", buffering=PIECE) as stream:
            if as_it_is:
                found = __salt__["kw_rdb.walk"](read, stream.write, check=self.check)
            else:
                stream.write(EMPTY)
        __salt__["kw_redis_server.start"](self.instance, self.token)
        with self.connect() as client:
            if not as_it_is:
                found, _ = self.restored(client, read, note)
            there = sum(int(line.split(",")[0][5:]) for line in client.info("keyspace").values())
        if there < found["lasting"]:
            raise RuntimeError(f"{found['lasting']} keys were loaded, and {there} are there")
        return found["counts"], []

    def check(self, found):
        """Refuse what the server can't read, or what memory won't hold beside the present keys."""
        super().check(found)
        with open("/proc/meminfo", encoding="ascii") as stream:
            free = next(int(line.split()[1]) * 1024 for line in stream if line.startswith("MemAvailable:"))
        if found["memory"] + SPARE > free:
            sizes = f"{found['memory'] >> 20} MB of memory beside the present keys; {free >> 20} MB are free"
            raise RuntimeError(f"the keys need {sizes}")

    def activate(self):
        """Make the second server the live one."""
        server = "kw_redis_server"
        if self.token not in (*__salt__[f"{server}.others"](self.instance), __salt__[f"{server}.live"](self.instance)):
            raise RuntimeError("nothing is prepared under this token")
        __salt__[f"{server}.switch"](self.instance, self.token)

    def discard(self):
        """Stop all servers but the live one, and delete their data."""
        __salt__["kw_redis_server.discard"](self.instance)

    def remnants(self):
        """What is left: `tables`, `database`."""
        there = ["database"] if __salt__["kw_redis_server.live"](self.instance) else []
        with contextlib.suppress(RuntimeError), self.connect() as client:
            if client.info("keyspace") or client.call("FUNCTION", "LIST"):
                there.insert(0, "tables")
        return there

    def empty(self):
        """Delete all keys and functions."""
        with self.connect() as client:
            client.call("FLUSHALL")
            client.call("FUNCTION", "FLUSH")

    def shown(self):
        """What prepared keys begin with."""
        return self.prefix

    def guard(self, client, words):
        """A script may do all in a server that is its own."""

    def console(self):
        """How to start redis-cli."""
        return {"argv": ["redis-cli", "-s", self.socket(), "-n", str(self.options["db"] or 0)], "environ": {}}


class _Shared(_Place):
    """One database of a server, or the keys with a prefix in it; beside them others with a longer prefix."""

    own = False

    def __init__(self, instance, options, token):
        super().__init__(instance, options, token)
        self.parts = __salt__["kw_redis_wire.parts"](options["url"])
        for name in ("user", "password", "db", "port"):
            self.parts[name] = options.get(name) or self.parts[name]
        self.db = int(self.parts["db"])
        self.loaded = self.prefix + LOADING + f"{token}:".encode()

    def url(self):
        """The server's address with everything in it: for env files and connections, never for arguments."""
        part = self.parts
        login = urllib.parse.quote(part["user"], safe="")
        login += f":{urllib.parse.quote(part['password'], safe='')}" if part["password"] else ""
        query = {name: value for name, value in part["query"].items() if name not in ("db", "password")}
        if part["scheme"] == "unix":
            place, query["db"] = urllib.parse.quote(part["path"]), str(self.db)
        else:
            host = f"[{part['host']}]" if ":" in part["host"] else part["host"]
            place = f"{host}:{part['port']}/{self.db}"
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return f"{part['scheme']}://{login}{'@' if login else ''}{place}{asked}"

    def version(self):
        """The version of the server."""
        with self.connect() as client:
            return client.version()

    def environ(self):
        """The variables. Prepared keys have no address but by their prefix: none leads to the present ones."""
        if self.token and not self.prefix:
            return self.with_celery({"REDIS_URL": ""}, "memory://")
        found = {"REDIS_URL": self.url()}
        if self.prefix:
            found["REDIS_PREFIX"] = self.shown().decode()
        return self.with_celery(found, "memory://" if self.token else self._celery())

    def counts(self, client):
        """The project's keys now, by type."""
        found = {"keys": 0, "keys_by_db": {}, "keys_by_type": {}}
        _count(client, self.prefix, found, "0")
        return found

    def groups(self, client, sample):
        """The project's keys by the first part of their names."""
        return __salt__["kw_redis_keys.groups"](client, self.prefix, sample)

    def load(self, read, note):
        """Put keys beside the present ones, the first of which tells that this was begun; the counts, and notes."""
        with self.connect() as client:
            client.call("SET", self.loaded, "prepared by kraftwerk")
            found, notes = self.restored(client, read, note, prefix=self.loaded, single=True)
        return found["counts"], notes

    def activate(self):
        """Have the prepared keys take the place of the present ones."""
        with self.connect() as client:
            if client.call("EXISTS", self.loaded):
                __salt__["kw_redis_keys.swap"](client, self.prefix, self.loaded)

    def discard(self):
        """Delete what loads have put beside the present keys."""
        with self.connect() as client:
            __salt__["kw_redis_keys.delete"](client, self.prefix, loading=True)

    def remnants(self):
        """What is left: `tables`."""
        with self.connect() as client:
            return ["tables"] if next(__salt__["kw_redis_keys.scan"](client, self.prefix), None) else []

    def empty(self):
        """Delete the project's keys."""
        with self.connect() as client:
            __salt__["kw_redis_keys.delete"](client, self.prefix)

    def shown(self):
        """What prepared keys begin with."""
        return (self.loaded if self.token else b"") + self.prefix

    def guard(self, client, words):
        """A script touches prepared keys only."""
        answer = client.many([("COMMAND", "GETKEYS", *words)])[0]
        if not isinstance(answer, list) or not all(key.startswith(self.shown()) for key in answer):
            raise RuntimeError("in a server that is shared, commands take keys, and their names begin with {prefix}")

    def console(self):
        """How to start redis-cli."""
        part = self.parts
        where = ["-s", part["path"]] if part["scheme"] == "unix" else ["-h", part["host"], "-p", str(part["port"])]
        login = ["--user", part["user"]] if part["user"] else []
        tls = ["--tls"] if part["scheme"] == "rediss" else []
        if part["query"].get("ssl_cert_reqs", "").lower() in UNCHECKED:
            tls += ["--insecure"]
        if "ssl_ca_certs" in part["query"]:
            tls += ["--cacert", part["query"]["ssl_ca_certs"]]
        argv = ["redis-cli", *where, *login, *tls, "-n", str(self.db)]
        return {"argv": argv, "environ": {"REDISCLI_AUTH": part["password"]} if part["password"] else {}}

    def _celery(self):
        """The address as Celery takes it: a path in its own scheme, TLS with its check spelled out."""
        url = self.url()
        if self.parts["scheme"] == "unix":
            return url.replace("unix://", "redis+socket://", 1).replace("db=", "virtual_host=")
        if self.parts["scheme"] == "rediss" and "ssl_cert_reqs" not in self.parts["query"]:
            return f"{url}{'&' if '?' in url else '?'}ssl_cert_reqs=required"
        return url


def _count(client, prefix, found, db):
    """Add the keys of a database to counts."""
    for keys in __salt__["kw_redis_keys.scan"](client, prefix):
        kinds = [kind for kind in __salt__["kw_redis_keys.types"](client, keys) if kind != "none"]
        found["keys"] += len(kinds)
        found["keys_by_db"][db] = found["keys_by_db"].get(db, 0) + len(kinds)
        for kind in kinds:
            found["keys_by_type"][kind] = found["keys_by_type"].get(kind, 0) + 1


def _release(version):
    """A version as far as the format of snapshots depends on it."""
    return [int(part) for part in version.split(".")[:2] if part.isdigit()]
