"""
What a dump of CouchDB holds, line by line, and how it is counted.
"""

import contextlib
import contextvars
import json
import os
import platform
import threading

__virtualname__ = "kw_couchdump"
LAYOUT = "couchdb 1"
MEMBER = "couchdb.jsonl.zst"
LONGEST = 2**27  # bytes of a line, which is held in memory; documents have 8 MB unless a server is told otherwise


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_couchdump: instances run on Linux nodes only"
    return __virtualname__


def write(server, instance, target):
    """
    Dump all databases of an instance, and the users that they let in.

    server
        From ``kw_couchserver.of``.
    instance
        Name of the instance.
    target
        Folder on the node, or the stream of an archive.

    Returns the member and the counts. Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdump.write server mysite /tmp/x
    """
    tally = _Tally()
    with __salt__["kw_member.writing"](target, MEMBER) as member, _Feed(tally.seen(_lines(server, instance))) as feed:
        member.run("zstd", stdin=feed.read_end)
        feed.check()
    return member.describe(), tally.counts()


def count(server, names, prefix):
    """
    Count what databases hold.

    server
        From ``kw_couchserver.of``.
    names
        Of the databases, without their prefix.
    prefix
        What their names begin with.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdump.count server '[main]' mysite_
    """
    tally = _Tally()
    for name in names:
        tally.count_database(server, prefix + name, name)
    return tally.counts()


def lines(source):
    """
    The lines of a dump, for ``with``; the first one is checked, and is what ``write`` began with.

    source
        Folder on the node that holds the member.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdump.lines /web/mysite/dump/20261120T1012/couchdb
    """
    return _reading(source)


@contextlib.contextmanager
def _reading(source):
    with __salt__["kw_member.reading"](source, MEMBER) as stream:
        found = map(json.loads, _split(stream))
        head = next(found, {})
        if head.get("kraftwerk") != LAYOUT:
            raise RuntimeError(f"{MEMBER} isn't a dump of CouchDB that this kraftwerk reads")
        yield head, found


def _split(stream):
    """The lines of a dump, none of them larger than memory, whatever it unpacks to."""
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST:
            raise RuntimeError(f"{MEMBER} is damaged: a line has more than {LONGEST >> 20} MB")
        yield line


class _Tally:
    """Counts of what is dumped, or is there: live documents and their attachments, and all leaf revisions."""

    def __init__(self):
        self.docs, self.attached, self.leaves = {}, 0, 0

    def count_database(self, server, database, name):
        """Count what a database holds, by its winning revisions."""
        self.docs[name] = 0
        for change in __salt__["kw_couchdocs.changes"](server, database, bodies=True):
            self.leaves += len(change["changes"])
            if not change.get("deleted"):
                self.docs[name] += 1
                self.attached += __salt__["kw_couchdocs.attachments"](change.get("doc") or {})

    def seen(self, lines):
        """Pass lines of a dump on, and count them: a document's winner is the live leaf of the highest revision."""
        name, identifier, winner = "", None, None
        for line in lines:
            if "_database" in line or line.get("_id", identifier) != identifier:
                self._count(name, winner)
                identifier, winner = line.get("_id"), None
            if "_database" in line:
                name = line["_database"]
                self.docs.update({} if name == "_users" else {name: 0})
            elif name != "_users" and "_id" in line and not line["_id"].startswith("_local/"):
                self.leaves += 1
                winner = max(filter(None, [winner, None if line.get("_deleted") else line]), key=_rank, default=None)
                winner = winner and {key: winner[key] for key in ("_rev", "_attachments") if key in winner}
            yield line
        self._count(name, winner)

    def _count(self, name, winner):
        if winner:
            self.docs[name] += 1
            self.attached += __salt__["kw_couchdocs.attachments"](winner)

    def counts(self):
        """The counts as a manifest keeps them."""
        total = {"databases": len(self.docs), "docs": sum(self.docs.values())}
        return {**total, "attachments": self.attached, "revisions": self.leaves, "docs_by_database": self.docs}


class _Feed:
    """A pipe that lines are written into by a thread, as JSON; what fails there is raised by ``check``."""

    def __init__(self, lines):
        self.lines, self.error = lines, None

    def __enter__(self):
        self.read_end, self.write_end = os.pipe()
        self.thread = threading.Thread(target=contextvars.copy_context().run, args=[self._write])  # Salt's __salt__
        self.thread.start()
        return self

    def _write(self):
        try:
            with os.fdopen(self.write_end, "wb", buffering=2**16) as stream:
                for line in self.lines:
                    stream.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        except BaseException as error:
            self.error = error

    def check(self):
        """Raise what failed; called when the reader has read all."""
        self.thread.join()
        if self.error:
            raise self.error

    def __exit__(self, *exception):
        os.close(self.read_end)  # a writer that is still at it meets a broken pipe, and ends
        self.thread.join()


def _lines(server, instance):
    """All lines of an instance's dump."""
    yield {"kraftwerk": LAYOUT, "instance": instance, "prefix": server.prefix, "user": f"web-{instance}"}
    names, roles = set(), set()
    for name in server.databases():
        __salt__["kw_call.progress"](f"couchdb {name}")
        for line in __salt__["kw_couchdocs.read"](server, server.prefix + name, name):
            if "_database" in line:
                for side in line["security"].values():
                    names.update(side.get("names", []) if isinstance(side, dict) else [])
                    roles.update(side.get("roles", []) if isinstance(side, dict) else [])
            yield line
    yield {"_database": "_users"}
    sites = set() if server.outside else {name for name in names if name.startswith("web-")}
    yield from _users(server, names - sites - {f"web-{instance}"}, roles - {"_admin"})


def _users(server, names, roles):
    """The users that the databases' ``_security`` lets in, by name or role; none where we may not read them."""
    try:
        with server.reply("GET", "_users/_all_docs?include_docs=true", accepted=(401, 403, 404)) as reply:
            rows = __salt__["kw_couchserver.items"](reply, "rows") if reply.status == 200 else ()
            for row in rows:
                user = row.get("doc") or {}
                if user.get("name") in names or roles & {*user.get("roles", [])}:
                    yield user
    finally:
        server.close()


def _rank(document):
    """How CouchDB itself chooses among live leaves."""
    number, _, digest = document["_rev"].partition("-")
    return int(number), digest
