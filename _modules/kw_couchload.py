"""
A dump of CouchDB loaded: into databases of other names first, and copied from there into the instance's own.

The databases of a load begin with ``kwload-<token>_`` and the instance's prefix; one of no further name is made last.
It marks the load as whole, and keeps the users in a local document until they are made.
"""

import json
import platform

__virtualname__ = "kw_couchload"
USER, OWN = "org.couchdb.user:", "web-"  # what begins the documents of users, and the names of sites' own


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_couchload: instances run on Linux nodes only"
    return __virtualname__


def prepare(server, source, token, user):
    """
    Load a dump into databases of other names; nothing is left of them where it fails.

    server
        From ``kw_couchserver.of``.
    source
        Folder on the node that holds the member.
    token
        Letters and digits that mark these databases.
    user
        The instance's own, that stands in ``_security`` for the one that was dumped.

    Returns their counts and their prefix. Raises ``RuntimeError`` where the dump is damaged or the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.prepare server /web/mysite/dump/20261120T1012/couchdb abcd1234 web-mysite
    """
    for name in server.scratch():
        server.ask("DELETE", _quoted(name), missing=None)
    prefix = _prefix(server, token)
    try:
        with __salt__["kw_couchdump.lines"](source) as (head, lines):
            _fill(server, prefix, lines, head["user"], user)
    except BaseException:
        discard(server, token)
        raise
    return __salt__["kw_couchdump.count"](server, _prepared(server, token), prefix), prefix


def activate(server, token):
    """
    Put what was prepared in the place of the instance's databases. Interrupted, it is finished by calling it again.

    server
        From ``kw_couchserver.of``.
    token
        As ``prepare`` was given it.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.activate server abcd1234
    """
    prefix = _prefix(server, token)
    users = server.ask("GET", f"{_quoted(prefix)}/_local/users", missing=None)
    if users is None:
        return
    ready = _prepared(server, token)
    for name in server.databases():
        if name not in ready:
            server.ask("DELETE", _quoted(server.prefix + name), missing=None)
    for name in ready:
        __salt__["kw_call.progress"](f"couchdb {name}")
        _replace(server, prefix + name, server.prefix + name)
    add_users(server, users["users"])
    discard(server, token)


def discard(server, token):
    """
    Remove what was prepared; no error where there is nothing.

    server
        From ``kw_couchserver.of``.
    token
        As ``prepare`` was given it.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.discard server abcd1234
    """
    prefix = _prefix(server, token)
    for name in (prefix, *(prefix + each for each in _prepared(server, token))):
        server.ask("DELETE", _quoted(name), missing=None)


def make(server, name, head):
    """
    Make a database, with the settings and rights that it had.

    server
        From ``kw_couchserver.of``.
    name
        Of the database.
    head
        The line that begins it in a dump, or only its ``security``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.make server mysite_main '{security: {}}'
    """
    path = _quoted(name)
    try:
        server.ask("PUT", path + ("?partitioned=true" if head.get("partitioned") else ""))
    except RuntimeError as error:
        why = ": the user of services.couchdb.url must be an admin of that server" if server.outside else ""
        raise RuntimeError(f"{error} (a database can't be made there{why})") from error
    if head.get("revs_limit"):
        server.ask("PUT", f"{path}/_revs_limit", head["revs_limit"], missing=None)
    if head["security"]:
        server.ask("PUT", f"{path}/_security", head["security"])


def put_users(server, users):
    """
    Make users as they were, or replace those of the same name.

    server
        From ``kw_couchserver.of``.
    users
        Their documents.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.put_users server '[]'
    """
    for user in users:
        path = f"_users/{_quoted(user['_id'])}"
        present = server.ask("GET", path, missing=None)
        plain = {key: value for key, value in user.items() if key != "_rev"}
        server.ask("PUT", path, {**plain, **({"_rev": present["_rev"]} if present else {})})


def add_users(server, users):
    """
    Make the users of a dump that the server hasn't got. Who is there stays as they are, and so do all sites' own: the
    server may have others' databases, and a dump lets nobody into those.

    server
        From ``kw_couchserver.of``.
    users
        Their documents, whoever wrote them.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchload.add_users server '[]'
    """
    for user in users:
        name, path = str(user.get("name", "")), f"_users/{_quoted(str(user['_id']))}"
        ours = not server.outside and name.startswith(OWN)
        if user["_id"] == USER + name and not ours and server.ask("GET", path, missing=None) is None:
            put_users(server, [user])


def _fill(server, prefix, lines, old, new):
    """Make databases of a dump's lines, and remember its users in one of no name; nobody but admins may read them."""
    line, users = next(lines, None), None
    while line is not None:
        head, rest, stop = line, [], []

        def body(rest=rest, stop=stop):
            for each in lines:
                if "_database" in each:
                    stop.append(each)
                    return
                yield each

        if head["_database"] == "_users":
            users = list(body())
        else:
            name = prefix + head["_database"]
            make(server, name, {**head, "security": _renamed(head["security"], old, new)})
            __salt__["kw_couchdocs.write"](server, name, body())
        line = stop[0] if stop else None
    if users is None:  # they come last
        raise RuntimeError("the dump of CouchDB ends too early")
    make(server, prefix, {"security": {side: {"names": [], "roles": ["_admin"]} for side in ("admins", "members")}})
    server.ask("PUT", f"{_quoted(prefix)}/_local/users", {"users": users})  # the last step: now it can be activated


def _renamed(rights, old, new):
    """What ``_security`` says, with another instance's own user for the one that it had."""
    text = json.dumps(rights)
    return json.loads(text.replace(json.dumps(old), json.dumps(new)))


def _replace(server, source, name):
    """Fill a database anew with what another one holds."""
    server.ask("DELETE", _quoted(name), missing=None)
    reading = server.other()
    lines = __salt__["kw_couchdocs.read"](reading, source, name)
    try:
        make(server, name, next(lines))
        __salt__["kw_couchdocs.write"](server, name, lines)
    finally:
        lines.close()
        reading.close()


def _prepared(server, token):
    """The databases that a token's load made, by their names behind the prefix; not the one that marks it as whole."""
    prefix = _prefix(server, token)
    return [name.removeprefix(prefix) for name in server.scratch(prefix) if name != prefix]


def _prefix(server, token):
    return f"kwload-{__salt__['kw_name.token'](token)}_{server.prefix}"


def _quoted(name):
    return __salt__["kw_couchserver.quoted"](name)
