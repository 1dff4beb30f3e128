"""
States of sites in an nginx that belongs to somebody else.
"""

import os

__virtualname__ = "kw_nginx"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_nginx.present" not in __salt__:
        return False, "kw_nginx: the execution module kw_nginx isn't available"
    return __virtualname__


def present(name, source, default_server=False, replaces=()):
    """
    Keep a site in sites-available and its link in sites-enabled, unless the owner of nginx changed them by hand.

    name
        The instance.
    source
        The file with what the site says.
    default_server
        Whether it answers for names that no site has. Default: False.
    replaces
        Paths below /etc/nginx that stand aside while the site is there. Default: none.

    .. code-block:: yaml

        mysite:
          kw_nginx.present:
            - source: /var/lib/kraftwerk/nginx/mysite/wanted
    """
    if __opts__["test"] and not os.path.exists(source):
        return _ret(name, None, "The site would be put into nginx", {"site": "written", "link": "made"})
    return _do(name, "kw_nginx.present", name, source, default_server=default_server, replaces=replaces)


def absent(name):
    """
    Keep a site out of nginx; what stood aside for it comes back.

    name
        The instance.

    .. code-block:: yaml

        mysite:
          kw_nginx.absent: []
    """
    return _do(name, "kw_nginx.absent", name)


def _do(name, function, *arguments, **keywords):
    """Call a function of the module, and return what it did as a state does."""
    try:
        done = __salt__[function](*arguments, **keywords, test=__opts__["test"])
    except RuntimeError as error:
        return _ret(name, False, str(error))
    result = None if __opts__["test"] and done["changes"] else True
    ret = _ret(name, result, "\n".join(done["notes"]), done["changes"])
    return {**ret, "warnings": done["notes"]} if done["notes"] else ret


def _ret(name, result, comment, changes=None):
    """What a state returns."""
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
