"""
The node's own CouchDB: its admin, and the user and databases of an instance.
"""

__virtualname__ = "kw_couchdb"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_couchdb.create" not in __salt__:
        return False, "kw_couchdb: the execution module kw_couchdb isn't available"
    return __virtualname__


def admin(name, port=5984):
    """
    Let the server have an admin whose password is made on the node, and that root alone can be.

    name
        Path of the server's configuration file that names the admin; the server writes the password's hash into it.
    port
        Where the server listens. Default: ``5984``.

    .. code-block:: yaml

        /opt/couchdb/etc/local.d/kraftwerk-admin.ini:
          kw_couchdb.admin: []
    """
    try:
        made = __salt__["kw_couchserver.set_up"](name, port=port, test=__opts__["test"])
    except (OSError, KeyError) as error:
        return _ret(name, False, str(error))
    if not made:
        return _ret(name, True, "The admin is there")
    if __opts__["test"]:
        return _ret(name, None, "An admin would be made", {"admin": "made"})
    return _ret(name, True, "An admin was made", {"admin": "made"})


def present(name):
    """
    Keep an instance's user and databases there, closed to others.

    name
        Name of the instance.

    .. code-block:: yaml

        mysite:
          kw_couchdb.present: []
    """
    try:
        if not __opts__["test"]:
            __salt__["kw_couchserver.of"](name).wait()
        parts = __salt__["kw_couchdb.missing"](name)
    except RuntimeError as error:
        if not __opts__["test"]:
            return _ret(name, False, str(error))
        parts = ["user", "database"]  # a test run before the server is installed
    if not parts:
        return _ret(name, True, "User and databases are as they should be")
    changes = dict.fromkeys(parts, "made")
    if __opts__["test"]:
        return _ret(name, None, "User and databases would be made", changes)
    try:
        __salt__["kw_couchdb.create"](name)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "User and databases were made", changes)


def absent(name, what=()):
    """
    Delete what is left of an instance's data, as far as it is named.

    name
        Name of the instance.
    what
        Any of ``tables``, ``database``, ``owner``; other words are for other states. Default: nothing.

    .. code-block:: yaml

        mysite:
          kw_couchdb.absent:
            - what: [tables, database, owner]
    """
    try:
        left = [part for part in __salt__["kw_couchdb.remnants"](name) if part in what]
        if not left:
            return _ret(name, True, "Nothing to delete")
        if __opts__["test"]:
            return _ret(name, None, "Data would be deleted", dict.fromkeys(left, "deleted"))
        for part in left:
            __salt__["kw_couchdb.drop"](name, part)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "Data was deleted", dict.fromkeys(left, "deleted"))


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
