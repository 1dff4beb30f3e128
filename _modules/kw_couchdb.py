"""
The service couchdb: the databases of a project whose names begin with its prefix, on this node's server or elsewhere.

The instance's own user is ``web-<instance>``; ``_security`` lets it alone into the databases. CouchDB can't rename, so
a load is prepared in databases of other names and copied from there: from the first database on that is replaced there
is only the way forward, and ``activate`` again goes it.
"""

import platform
import secrets

__virtualname__ = "kw_couchdb"
PARTS = ("tables", "database", "owner")
SECRETS, PASSWORD = "/etc/kraftwerk/secrets", "COUCHDB_PASSWORD"
DEFAULT = ["main"]  # the databases of an instance that names none, on this node's server
USER = "org.couchdb.user:"


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_couchdb: instances run on Linux nodes only"
    return __virtualname__


def environ(instance):
    """
    What the instance's environment says: where the server is and who asks it, and how its databases' names begin.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.environ mysite
    """
    options = __salt__["kw_service.options"](instance, "couchdb")
    address = options.get("url") or _address(instance)
    return {"COUCHDB_URL": address, "COUCHDB_PREFIX": __salt__["kw_couchserver.prefix_of"](instance, options)}


def health(instance):
    """
    Whether the server answers, as ``{"ok": bool, "detail": str}``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.health mysite
    """
    try:
        found = _server(instance).databases()
    except (RuntimeError, ValueError, OSError) as error:
        return {"ok": False, "detail": str(error)}
    return {"ok": True, "detail": f"{len(found)} databases answer"}


def inspect(instance, detail=False):
    """
    What the databases hold: the server's version, bytes on its disk, and counts of documents and attachments.

    instance
        Name of the instance.
    detail
        With the largest databases. Default: ``False``.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.inspect mysite detail=True
    """
    server = _server(instance)
    counts = __salt__["kw_couchdump.count"](server, server.databases(), server.prefix)
    sizes = {name: server.size(name) for name in counts["docs_by_database"]}
    answer = {"version": server.version(), "size": sum(sizes.values()), "counts": counts}
    if detail:
        answer["detail"] = {"databases": __salt__["kw_look.largest"](counts["docs_by_database"], sizes)}
    return answer


def dump(instance, target):
    """
    Dump all databases of the instance, each as it is at one update sequence, and the users that it lets in.

    instance
        Name of the instance.
    target
        Folder on the node, or the stream of an archive.

    Returns ``version``, ``members``, ``counts`` and ``consistency``. Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.dump mysite /web/mysite/dump/20261120T1012
    """
    server = _server(instance)
    member, counts = __salt__["kw_couchdump.write"](server, instance, target)
    consistency = "each database at its update sequence"
    return {"version": server.version(), "members": [member], "counts": counts, "consistency": consistency}


def prepare(instance, source, token):
    """
    Load a dump into databases of other names; the instance's own stay untouched.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member.
    token
        Letters and digits that mark these databases.

    Returns ``counts``, and ``environ`` with the prefix of these databases. Raises ``RuntimeError`` where the dump is
    damaged or the server refuses; nothing is left then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.prepare mysite /web/mysite/dump/20261120T1012 abcd1234
    """
    found, prefix = __salt__["kw_couchload.prepare"](_server(instance), source, token, _user(instance))
    return {"counts": found, "environ": {"COUCHDB_PREFIX": prefix}}


def activate(instance, token):
    """
    Put what was prepared in the place of the instance's databases. Interrupted, it is finished by calling it again.

    instance
        Name of the instance.
    token
        As ``prepare`` was given it.

    Raises ``RuntimeError`` where the server refuses; what was prepared is still there then.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.activate mysite abcd1234
    """
    __salt__["kw_couchload.activate"](_server(instance), token)


def discard(instance, token):
    """
    Remove what was prepared; no error where there is nothing.

    instance
        Name of the instance.
    token
        As ``prepare`` was given it.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.discard mysite abcd1234
    """
    __salt__["kw_couchload.discard"](_server(instance), token)


def load(instance, source):
    """
    Replace the databases by dumped ones.

    instance
        Name of the instance; it needn't be the one that was dumped.
    source
        Folder on the node that holds the member.

    Returns the new counts. Raises ``RuntimeError`` as ``prepare`` and ``activate`` do.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.load mysite /web/mysite/dump/20261120T1012
    """
    token = secrets.token_hex(6)
    found = prepare(instance, source, token)["counts"]
    activate(instance, token)
    return found


def console(instance):
    """
    A shell with the server's address in ``$COUCHDB_URL``, and curl's settings, so that no command shows a password.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.console mysite
    """
    says = 'echo "curl \\$COUCHDB_URL/_all_dbs is asked as the site; names of its databases begin with $COUCHDB_PREFIX"'
    start = (
        'umask 077; d=$(mktemp -d); trap "rm -r $d" EXIT; '
        'printf "user = \\"%s\\"\\n" "$COUCHDB_USER" >"$d/.curlrc"; unset COUCHDB_USER; '
        f'export CURL_HOME="$d"; {says}; bash --norc'
    )
    found = environ(instance)
    parts = __salt__["kw_service.parts"](found["COUCHDB_URL"])
    host = found["COUCHDB_URL"].rpartition("@")[2].rstrip("/")
    login = f"{parts['user']}:{parts['password']}".replace("\\", "\\\\").replace('"', '\\"')
    told = {"COUCHDB_URL": f"{parts['scheme']}://{host}", "COUCHDB_PREFIX": found["COUCHDB_PREFIX"]}
    return {"argv": ["sh", "-c", start], "environ": {**told, "COUCHDB_USER": login}, "user": _user(instance)}


def missing(instance):
    """
    What an instance needs on this node's server and isn't there yet: any of ``user`` and ``database``.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where the server doesn't answer.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.missing mysite
    """
    server = _server(instance)
    if server.outside:
        return []
    gone = [] if server.ask("GET", _user_path(instance), missing=None) and _lets_in(server, instance) else ["user"]
    wanted = server.listed or DEFAULT
    closed = [name for name in wanted if not server.exists(server.prefix + name)]
    return [*gone, *(["database"] if closed else [])]


def create(instance):
    """
    Make the user and the databases that are missing; the databases are closed to others.

    instance
        Name of the instance.

    Returns what was missing. Raises ``RuntimeError`` where the server refuses.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.create mysite
    """
    server = _server(instance)
    server.wait()
    parts = missing(instance)
    if "user" in parts:
        __salt__["kw_environ.generate"](instance, PASSWORD)
        __salt__["kw_couchload.put_users"](server, [_account(instance)])
    for name in (server.listed or DEFAULT) if "database" in parts else ():
        path = _quoted(server.prefix + name)
        server.ask("PUT", path, accepted=(412,))
        ours = {"names": [_user(instance)], "roles": []}
        server.ask("PUT", f"{path}/_security", {"admins": ours, "members": ours})
    return parts


def remnants(instance):
    """
    What is still there of an instance's data: any of ``tables``, ``database``, ``owner``.

    instance
        Name of the instance.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.remnants mysite
    """
    server = _server(instance)
    names = server.databases()
    filled = any(server.ask("GET", _quoted(server.prefix + name))["doc_count"] for name in names)
    owner = not server.outside and server.ask("GET", _user_path(instance), missing=None) is not None
    return ["tables"] * filled + ["database"] * bool(names) + ["owner"] * owner


def drop(instance, what):
    """
    Delete data of an instance for good.

    instance
        Name of the instance.
    what
        ``tables`` (all that the databases hold), ``database`` or ``owner`` (the instance's user).

    Returns whether there was something. Raises ``ValueError`` for another word, ``RuntimeError`` where it can't be.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_couchdb.drop mysite database
    """
    __salt__["kw_service.check_part"](what, PARTS)
    if what not in remnants(instance):
        return False
    server = _server(instance)
    for name in [] if what == "owner" else server.databases():
        path = _quoted(server.prefix + name)
        rights = server.ask("GET", f"{path}/_security")
        server.ask("DELETE", path)
        if what == "tables":
            __salt__["kw_couchload.make"](server, server.prefix + name, {"security": rights})
    if what == "owner":
        revision = server.ask("GET", _user_path(instance))["_rev"]
        server.ask("DELETE", f"{_user_path(instance)}?rev={revision}")
    return True


def _lets_in(server, instance):
    """Whether the server takes the instance's password."""
    mine = server.as_user(_address(instance))
    return mine.ask("GET", "_session", accepted=(401,)).get("userCtx", {}).get("name") == _user(instance)


def _account(instance):
    name = _user(instance)
    return {"_id": USER + name, "name": name, "type": "user", "roles": [], "password": _password(instance)}


def _address(instance):
    """The node's own server, asked by the instance's user."""
    return __salt__["kw_couchserver.local"](_user(instance), _password(instance))


def _password(instance):
    """The instance's own, made on this node; empty before."""
    return __salt__["kw_textfile.content"](f"{SECRETS}/{instance}/{PASSWORD}").strip()


def _user(instance):
    return f"web-{instance}"


def _user_path(instance):
    return f"_users/{_quoted(USER + _user(instance))}"


def _server(instance):
    return __salt__["kw_couchserver.of"](instance)


def _quoted(name):
    return __salt__["kw_couchserver.quoted"](name)
