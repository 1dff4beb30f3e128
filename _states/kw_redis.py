"""
The redis of an instance: a server of its own. One at an address in its options is not touched.
"""

__virtualname__ = "kw_redis"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_redis.create" not in __salt__:
        return False, "kw_redis: the execution module kw_redis isn't available"
    return __virtualname__


def present(name):
    """
    Keep an instance's own server running with its settings, now and from boot on.

    name
        Name of the instance.

    .. code-block:: yaml

        mysite:
          kw_redis.present: []
    """
    try:
        parts = __salt__["kw_redis.missing"](name)
    except RuntimeError as error:
        if not __opts__["test"]:
            return _ret(name, False, str(error))
        parts = ["folder", "server"]  # a test run before the server is installed
    if not parts:
        return _ret(name, True, "The server is as it should be")
    changes = dict.fromkeys(parts, "set")
    if __opts__["test"]:
        return _ret(name, None, "The server would be set up", changes)
    try:
        __salt__["kw_redis.create"](name)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "The server was set up", changes)


def absent(name, what=()):
    """
    Delete what is left of an instance's data, as far as it is named; what stays is open to no other node any more.

    name
        Name of the instance.
    what
        Any of ``tables`` (keys) and ``database`` (the server); other words are for other states. Default: nothing.

    .. code-block:: yaml

        mysite:
          kw_redis.absent:
            - what: [tables, database]
    """
    try:
        left = [part for part in __salt__["kw_redis.remnants"](name) if part in what]
        open_ = "database" not in left and "clients" in __salt__["kw_redis.missing"](name)
        changes = dict.fromkeys(left, "deleted") | ({"clients": "set"} if open_ else {})
        if not changes:
            return _ret(name, True, "Nothing to delete")
        if __opts__["test"]:
            return _ret(name, None, "Data would be deleted", changes)
        for part in left:
            __salt__["kw_redis.drop"](name, part)
        if open_:
            __salt__["kw_redis.create"](name)
    except RuntimeError as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "Data was deleted", changes)


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
