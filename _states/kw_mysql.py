"""
The MariaDB database of an instance. (Salt's own states for it have gone.)
"""

__virtualname__ = "kw_mysql"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_mysql.create" not in __salt__:
        return False, "kw_mysql: the execution module kw_mysql isn't available"
    return __virtualname__


def present(name):
    """
    Keep an instance's account and database there, with the rights of its owner.

    name
        Name of the instance.

    .. code-block:: yaml

        mysite:
          kw_mysql.present: []
    """
    try:
        parts = __salt__["kw_mysql.missing"](name)
    except RuntimeError as error:
        if not __opts__["test"]:
            return _ret(name, False, str(error))
        parts = ["account", "database", "rights"]  # a test run before the server is installed
    if not parts:
        return _ret(name, True, "The database is as it should be")
    changes = dict.fromkeys(parts, "set")
    if __opts__["test"]:
        return _ret(name, None, "The database would be set up", changes)
    try:
        __salt__["kw_mysql.create"](name)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "The database was set up", changes)


def absent(name, what=()):
    """
    Delete what is left of an instance's data, as far as it is named.

    name
        Name of the instance.
    what
        Any of ``tables``, ``database``, ``owner``; other words are for other states. Default: nothing.

    .. code-block:: yaml

        mysite:
          kw_mysql.absent:
            - what: [tables, database, owner]
    """
    try:
        left = [part for part in __salt__["kw_mysql.remnants"](name) if part in what]
        if not left:
            return _ret(name, True, "Nothing to delete")
        if __opts__["test"]:
            return _ret(name, None, "Data would be deleted", dict.fromkeys(left, "deleted"))
        for part in left:
            __salt__["kw_mysql.drop"](name, part)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "Data was deleted", dict.fromkeys(left, "deleted"))


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
