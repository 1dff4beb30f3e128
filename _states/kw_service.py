"""
The services of an instance on its node: their options, and their data. Each service's own module does the work.
"""

__virtualname__ = "kw_service"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_service.write" not in __salt__:
        return False, "kw_service: the execution module kw_service isn't available"
    return __virtualname__


def managed(name):
    """
    Keep what an instance's services need to know where only root can read it, secrets in plain text. Changes name the
    services, never a value.

    name
        Name of the instance.

    .. code-block:: yaml

        mysite:
          kw_service.managed: []
    """
    ret = _ret(name, True, "The options are as they should be")
    try:
        ret["changes"] = __salt__["kw_service.write"](name, test=__opts__["test"])
    except (ValueError, OSError) as error:
        return {**ret, "result": False, "comment": str(error)}
    if ret["changes"]:
        ret["result"] = None if __opts__["test"] else True
        ret["comment"] = "The options would be written" if __opts__["test"] else "The options were written"
    if kept := __salt__["kw_service.kept"](name):
        ret["comment"] += f"; left as it is, since this admin can't decrypt it: {', '.join(kept)}"
    return ret


def present(name, service):
    """
    Keep what a service has for an instance as it should be: its database, its user, a server of its own.

    name
        Name of the instance.
    service
        Name of the service; its module has ``missing`` and ``create``.

    .. code-block:: yaml

        mysite:
          kw_service.present:
            - service: postgres
    """
    try:
        parts = __salt__[f"kw_{service}.missing"](name)
    except (RuntimeError, ValueError):
        parts = ["server"]  # not installed yet, in a test run; or being started, which `create` waits for
    if not parts:
        return _ret(name, True, f"{service} is as it should be")
    if __opts__["test"]:
        return _ret(name, None, f"{service} would be set up", dict.fromkeys(parts, "set"))
    try:
        parts = __salt__[f"kw_{service}.create"](name)
    except (RuntimeError, ValueError) as error:
        return _ret(name, False, str(error))
    return _ret(name, True, f"{service} was set up", dict.fromkeys(parts, "set"))


def absent(name, service, what=()):
    """
    Delete what a service still has of an instance, as far as it is named.

    name
        Name of the instance.
    service
        Name of the service; its module has ``remnants`` and ``drop``.
    what
        Any of ``tables``, ``database``, ``owner`` and what else the service tells apart; other words are for other
        states. Default: nothing.

    .. code-block:: yaml

        mysite:
          kw_service.absent:
            - service: postgres
            - what: [tables, database, owner]
    """
    try:
        left = [part for part in __salt__[f"kw_{service}.remnants"](name) if part in what]
        if not left:
            return _ret(name, True, "Nothing to delete")
        if __opts__["test"]:
            return _ret(name, None, "Data would be deleted", dict.fromkeys(left, "deleted"))
        for part in left:
            __salt__[f"kw_{service}.drop"](name, part)
    except (RuntimeError, ValueError) as error:
        return _ret(name, False, str(error))
    return _ret(name, True, "Data was deleted", dict.fromkeys(left, "deleted"))


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
