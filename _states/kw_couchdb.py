"""
The node's own CouchDB: its admin. Users and databases of instances are kw_service's.
"""

__virtualname__ = "kw_couchdb"


def __virtual__():
    """Load where the execution module of the server does."""
    if "kw_couchserver.set_up" not in __salt__:
        return False, "kw_couchdb: the execution module kw_couchserver isn't available"
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


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
