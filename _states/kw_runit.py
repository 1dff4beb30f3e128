"""
States of services that runit supervises.
"""

__virtualname__ = "kw_runit"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_runit.status" not in __salt__:
        return False, "kw_runit: the execution module kw_runit isn't available"
    return __virtualname__


def running(name):
    """
    Keep a service enabled and up.

    name
        Name of the service.

    .. code-block:: yaml

        mysite-mail:
          kw_runit.running: []
    """
    if __salt__["kw_runit.enabled"](name) and __salt__["kw_runit.status"](name) == "run":
        return _ret(name, True, "The service is running")
    old = __salt__["kw_runit.status"](name)
    if __opts__["test"]:
        return _ret(name, None, "The service would be started", {name: {"old": old, "new": "run"}})
    if not __salt__["kw_runit.available"](name):
        return _ret(name, False, f"There is no service {name}")
    up = __salt__["kw_runit.enable"](name) and __salt__["kw_runit.start"](name)
    new = __salt__["kw_runit.status"](name)
    comment = "The service was started" if up else "The service doesn't start"
    return _ret(name, up, comment, {name: {"old": old, "new": new}})


def dead(name):
    """
    Keep a service disabled and down; its folder stays.

    name
        Name of the service.

    .. code-block:: yaml

        mysite-mail:
          kw_runit.dead: []
    """
    old = __salt__["kw_runit.status"](name)
    if not __salt__["kw_runit.enabled"](name) and old == "absent":
        return _ret(name, True, "The service is down")
    changes = {name: {"old": old, "new": "absent"}}
    if __opts__["test"]:
        return _ret(name, None, "The service would be stopped", changes)
    if not __salt__["kw_runit.disable"](name):
        return _ret(name, False, "The service doesn't stop")
    return _ret(name, True, "The service was stopped", changes)


def only(name, keep=()):
    """
    Of the services whose run script calls a given path, keep some; the others stop and go, folder included.

    name
        The path, such as ``/web/mysite/exec``.
    keep
        Names of the services that stay. Default: none.

    .. code-block:: yaml

        /web/mysite/exec:
          kw_runit.only:
            - keep: [mysite-web-a, mysite-web-b]
    """
    stale = [service for service in __salt__["kw_runit.get_all"](runs=name) if service not in keep]
    if not stale:
        return _ret(name, True, "No other services")
    changes = {service: "removed" for service in stale}
    if __opts__["test"]:
        return _ret(name, None, "Services would be removed", changes)
    for service in stale:
        try:
            __salt__["kw_runit.remove"](service)
        except RuntimeError as error:
            return _ret(name, False, str(error))
    return _ret(name, True, "Services were removed", changes)


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
