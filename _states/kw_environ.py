"""
The env file of an instance. Changes name the keys, never their values.
"""

__virtualname__ = "kw_environ"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_environ.write" not in __salt__:
        return False, "kw_environ: the execution module kw_environ isn't available"
    return __virtualname__


def managed(name, instance, services=(), environ=None, hosts=(), static_root="", urls=None, group="root"):
    """
    Keep an env file as its instance needs it; secrets that are missing are made.

    name
        Path of the env file.
    instance
        Name of the instance.
    services
        Names of its services. Default: none.
    environ
        The project's own variables; they win. Encrypted ones are looked up in pillar ``kraftwerk:secrets``, and stay
        as they are on the node where the admin couldn't decrypt them. Default: none.
    hosts
        Domains and aliases. Default: none.
    static_root
        Folder in the release that static files are collected in. Default: not set.
    urls
        ``STATIC_URL`` and ``MEDIA_URL``, where a CDN has these files. Default: what services say.
    group
        Group that may read the file. Default: ``root``.

    .. code-block:: yaml

        /web/mysite/env:
          kw_environ.managed:
            - instance: mysite
            - services: [postgres, files]
            - group: web-mysite
    """
    ret = {"name": name, "changes": {}, "result": True, "comment": "The environment is as it should be"}
    given = {"services": services, "environ": environ, "hosts": hosts, "static_root": static_root}
    arguments = {**given, "urls": urls, "group": group}
    try:
        ret["changes"] = __salt__["kw_environ.write"](name, instance, test=__opts__["test"], **arguments)
    except (KeyError, ValueError, OSError) as error:
        return {**ret, "result": False, "comment": str(error.args[0] if isinstance(error, KeyError) else error)}
    if ret["changes"]:
        ret["result"] = None if __opts__["test"] else True
        ret["comment"] = "The environment would be written" if __opts__["test"] else "The environment was written"
    if kept := __salt__["kw_environ.unreadable"](instance, environ):
        ret["comment"] += f"; left as it is, since this admin can't decrypt it: {', '.join(kept)}"
    return ret
