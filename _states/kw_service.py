"""
The options of an instance's services, on its node. Changes name the services, never a value.
"""

__virtualname__ = "kw_service"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_service.write" not in __salt__:
        return False, "kw_service: the execution module kw_service isn't available"
    return __virtualname__


def managed(name):
    """
    Keep what an instance's services need to know where only root can read it, secrets in plain text.

    name
        Name of the instance.

    .. code-block:: yaml

        mysite:
          kw_service.managed: []
    """
    ret = {"name": name, "changes": {}, "result": True, "comment": "The options are as they should be"}
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
