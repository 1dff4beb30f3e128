"""
Documents of CouchDB as lines of JSON, out of a database and into one: all leaf revisions, conflicts and deleted ones
among them, so that a load is what a replication would have made.

A line is a document as ``_bulk_docs`` with ``new_edits: false`` takes it. Small attachments stand in it, as base64;
after a document with large ones (``"follows": true``) come lines ``{"_piece": base64}``, so that no memory need hold
them. A line ``{"_database": name, …}`` begins a database and tells its ``_security`` and settings.
"""

import base64
import json
import platform
import uuid

__virtualname__ = "kw_couchdocs"
BATCH, BATCH_BYTES = 200, 4 * 2**20  # documents that are asked for, and bytes that are sent, at a time
INLINE = 2**18  # bytes of attachments that stand in a document's line
PIECE = 3 * 2**18  # bytes of a line of a large one
CHECKPOINT = {"session_id", "source_last_seq", "history"}  # a replication's: true for that server only


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_couchdocs: instances run on Linux nodes only"
    return __virtualname__


def read(server, name, alias):
    """
    The lines of a database: its head, its documents at its update sequence, design documents last, local ones.

    server
        From ``kw_couchserver.of``.
    name
        Of the database.
    alias
        What its head calls it.

    Raises ``RuntimeError`` where the server refuses. Not for the command line.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdocs.read server mysite_main main
    """
    path = _quoted(name)
    about = server.ask("GET", path)
    head = {"_database": alias, "security": server.ask("GET", f"{path}/_security"), "update_seq": about["update_seq"]}
    limit = server.ask("GET", f"{path}/_revs_limit", missing=None)
    yield {**head, "partitioned": bool(about.get("props", {}).get("partitioned")), "revs_limit": limit}
    designs, batch, second = [], [], server.other()
    try:
        for change in changes(server, name):
            wanted = [{"id": change["id"], "rev": each["rev"]} for each in change["changes"]]
            if change["id"].startswith("_design/"):
                designs.extend(wanted)  # the last ones: they may refuse documents, and build views of them
            else:
                batch.extend(wanted)
            if len(batch) >= BATCH:
                yield from _documents(second, path, batch)
                batch = []
        yield from _documents(second, path, batch)
        yield from _documents(second, path, designs)
        yield from _local(second, path)
    finally:
        second.close()


def changes(server, name, bodies=False):
    """
    What the feed of changes says of each document, in one answer: the database as it is at one update sequence.

    server
        From ``kw_couchserver.of``.
    name
        Of the database.
    bodies
        With the winning revision, attachments as stubs. Default: ``False``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdocs.changes server mysite_main
    """
    more = "&include_docs=true" if bodies else ""
    with server.reply("GET", f"{_quoted(name)}/_changes?style=all_docs{more}") as reply:
        yield from __salt__["kw_couchserver.items"](reply, "results")


def write(server, name, lines):
    """
    Put documents into a database, with their revisions as they are. Lines of a large attachment follow their document.

    server
        From ``kw_couchserver.of``.
    name
        Of the database; it exists.
    lines
        As ``read`` makes them, without the head.

    Raises ``RuntimeError`` where the server refuses. Not for the command line.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdocs.write server mysite_main lines
    """
    path, batch, size, lines, designs = _quoted(name), [], 0, iter(lines), False
    for line in lines:
        if line["_id"].startswith("_design/") and not designs:
            _store(server, path, batch)  # what they would refuse must be there before them
            batch, size, designs = [], 0, True
        if any(each.get("follows") for each in line.get("_attachments", {}).values()):
            _upload(server, path, line, lines)
        elif line["_id"].startswith("_local/"):
            local = {key: value for key, value in line.items() if key != "_rev"}
            present = server.ask("GET", f"{path}/{line['_id']}", missing=None)
            server.ask("PUT", f"{path}/{line['_id']}", {**local, **({"_rev": present["_rev"]} if present else {})})
        else:
            batch.append(line)
            size += len(json.dumps(line))
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            _store(server, path, batch)
            batch, size = [], 0
    _store(server, path, batch)


def attachments(document):
    """
    The number of a document's attachments.

    document
        Its JSON.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdocs.attachments '{"_id": "a"}'
    """
    return len(document.get("_attachments", {}))


def _documents(server, path, wanted):
    """Some revisions with their bodies and attachments."""
    for begin in range(0, len(wanted), BATCH):
        body = json.dumps({"docs": wanted[begin : begin + BATCH]}).encode()
        found, second = [], None
        with server.reply("POST", f"{path}/_bulk_get?revs=true", body) as reply:
            for result in __salt__["kw_couchserver.items"](reply, "results"):
                found = [each["ok"] for each in result["docs"] if "ok" in each]
                if len(found) != len(result["docs"]):
                    found = _leaves(server.other(), path, result["id"])  # one was replaced meanwhile, and compacted
                for document in found:
                    if not document.get("_attachments"):
                        yield document
                        continue
                    second = second or server.other()
                    yield from _with_attachments(second, path, document)
        if second:
            second.close()


def _leaves(server, path, identifier):
    """All leaf revisions that a document has now."""
    query = "open_revs=all&revs=true"
    found = server.ask("GET", f"{path}/{_quoted(identifier)}?{query}")
    server.close()
    return [each["ok"] for each in found if "ok" in each]


def _with_attachments(server, path, document):
    """A document whose attachments were stubs: with them inside, or large ones as lines after it."""
    stubs = document["_attachments"]
    place = f"{path}/{_quoted(document['_id'])}"
    large = sum(stub["length"] for stub in stubs.values()) > INLINE
    filled = {}
    for name, stub in stubs.items():
        plain = {key: stub[key] for key in ("content_type", "revpos") if key in stub}
        if large:
            filled[name] = {**plain, "follows": True, "length": stub["length"]}
        else:
            data = b"".join(_bytes(server, f"{place}/{_quoted(name)}?rev={document['_rev']}", stub["length"]))
            filled[name] = {**plain, "data": base64.b64encode(data).decode()}
    yield {**document, "_attachments": filled}
    for name, stub in stubs.items() if large else ():
        for piece in _bytes(server, f"{place}/{_quoted(name)}?rev={document['_rev']}", stub["length"]):
            yield {"_piece": base64.b64encode(piece).decode()}


def _bytes(server, path, length):
    """An attachment in pieces; its length is checked."""
    with server.reply("GET", path, headers={"Accept": "*/*"}) as reply:
        left = length
        while piece := reply.read(PIECE):
            left -= len(piece)
            yield piece
    if left:
        raise RuntimeError(f"CouchDB's attachment {path} has {length - left} bytes instead of {length}")


def _local(server, path):
    """Local documents of the application's; those of replications hold for that server only, and stay."""
    answer = server.ask("GET", f"{path}/_local_docs?include_docs=true", missing={}) or {}
    for row in answer.get("rows", []):
        if row.get("doc") and not CHECKPOINT & row["doc"].keys():
            yield row["doc"]


def _store(server, path, batch):
    """Send documents that have no large attachments."""
    if not batch:
        return
    refused = server.ask("POST", f"{path}/_bulk_docs", {"docs": batch, "new_edits": False}) or []
    errors = [each for each in refused if "error" in each]
    if errors:
        first = errors[0]
        raise RuntimeError(f"CouchDB refuses document {first.get('id')}: {first.get('reason') or first['error']}")


def _upload(server, path, document, lines):
    """Send a document with large attachments as one multipart message, piece by piece."""
    boundary = uuid.uuid4().hex
    names = list(document["_attachments"])
    head = f"--{boundary}\r\nContent-Type: application/json\r\n\r\n".encode() + json.dumps(document).encode()
    starts = [f"\r\n--{boundary}\r\n{_headers(name, document['_attachments'][name])}\r\n".encode() for name in names]
    end = f"\r\n--{boundary}--".encode()
    sizes = [document["_attachments"][name]["length"] for name in names]
    length = len(head) + sum(map(len, starts)) + sum(sizes) + len(end)

    def body():
        yield head
        for start, size in zip(starts, sizes, strict=True):
            yield start
            yield from _pieces(lines, size)
        yield end

    headers = {"Content-Type": f'multipart/related; boundary="{boundary}"', "Content-Length": str(length)}
    with server.reply("PUT", f"{path}/{_quoted(document['_id'])}?new_edits=false", body(), headers) as reply:
        reply.read()


def _headers(name, about):
    """The head of an attachment's part."""
    name = name.replace("\\", "\\\\").replace('"', '\\"')
    kind, length = about["content_type"], about["length"]
    return f'Content-Disposition: attachment; filename="{name}"\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n'


def _pieces(lines, size):
    """The bytes of one large attachment, from the lines that follow its document."""
    left = size
    while left > 0:
        piece = base64.b64decode(next(lines, {}).get("_piece", ""))
        if not piece:
            break
        left -= len(piece)
        yield piece
    if left:
        raise RuntimeError("an attachment in the dump isn't as long as its document says")


def _quoted(name):
    return __salt__["kw_couchserver.quoted"](name)
