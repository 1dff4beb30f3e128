"""
The role of an instance whose data other nodes use: its password, and what it may do there. For the module kw_postgres.

The server never sees the password: it gets the verifier that it would have made of it, as libpq's own clients do.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import platform
import unicodedata

__virtualname__ = "kw_pgrole"
ITERATIONS = 4096  # as PostgreSQL's own
PRESENT = """
SELECT json_build_object('createdb', coalesce(bool_or(rolcreatedb), false), 'verifier', coalesce(max(rolpassword), ''))
FROM pg_authid WHERE rolname = :'role'
"""
# Loads make a database beside the present one: by a URL nobody but the role itself could.
CREATEDB = 'ALTER ROLE :"role" CREATEDB'
VERIFIER = "ALTER ROLE :\"role\" PASSWORD '{}'"
FORGET = 'ALTER ROLE :"role" PASSWORD NULL'


def __virtual__():
    """Load on Linux only, as kw_postgres does."""
    if platform.system() != "Linux":
        return False, "kw_pgrole: instances run on Linux nodes only"
    return __virtualname__


def missing(instance):
    """
    What the role lacks so that other nodes can use it: any of ``password`` and ``createdb``; nothing where none does.

    instance
        Name of the instance.

    Raises ``RuntimeError`` where other nodes use it and no password is said.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgrole.missing mysite
    """
    options, server = __salt__["kw_service.options"](instance, "postgres"), __salt__["kw_pgserver.of"](instance)
    if not options.get("clients") or server.outside:
        return []
    if not options.get("password"):
        raise RuntimeError(f"other nodes use the database of {instance}, and it has no password")
    present = server.query(PRESENT, "postgres", role=server.role)
    right = verifies(present["verifier"], options["password"])
    return ["password"] * (not right) + ["createdb"] * (not present["createdb"])


def mend(instance, part):
    """
    Give the role what it lacks.

    instance
        Name of the instance.
    part
        ``password`` or ``createdb``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgrole.mend mysite createdb
    """
    options, server = __salt__["kw_service.options"](instance, "postgres"), __salt__["kw_pgserver.of"](instance)
    sql = CREATEDB if part == "createdb" else VERIFIER.format(verifier(options["password"], os.urandom(16)))
    server.sql(sql, "postgres", role=server.role)


def kept(server):
    """
    A role's password as it was, for ``with``: what a dump's own code does with it in the body is undone.

    server
        Of kw_pgserver.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgrole.kept server  # not of use there
    """
    return contextlib.nullcontext() if server.outside else _kept(server)


@contextlib.contextmanager
def _kept(server):
    before = server.query(PRESENT, "postgres", role=server.role)["verifier"]
    try:
        yield
    finally:
        if server.query(PRESENT, "postgres", role=server.role)["verifier"] != before:
            server.sql(VERIFIER.format(before) if before else FORGET, "postgres", role=server.role)


def verifies(text, password):
    """
    Whether a verifier was made of a password.

    text
        What ``pg_authid`` has.
    password
        In plain text.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgrole.verifies '' secret
    """
    kind, _, rest = text.partition("$")
    if kind != "SCRAM-SHA-256":
        return False
    iterations, _, salt = rest.partition("$")[0].partition(":")
    return hmac.compare_digest(text, verifier(password, base64.b64decode(salt), int(iterations)))


def verifier(password, salt, iterations=ITERATIONS):
    """
    What a server keeps of a password (RFC 5803).

    password
        In plain text.
    salt
        Random bytes.
    iterations
        How often it is hashed. Default: ``4096``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_pgrole.verifier secret salt
    """
    normal = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", normal, salt, iterations)
    client, server = (hmac.digest(salted, word, "sha256") for word in (b"Client Key", b"Server Key"))
    stored, server, salt = (base64.b64encode(each).decode() for each in (hashlib.sha256(client).digest(), server, salt))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored}:{server}"
