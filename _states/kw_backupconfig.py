"""
What is to be backed up, and where to. Changes name the keys, never a value.
"""

__virtualname__ = "kw_backupconfig"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_backupconfig.write" not in __salt__:
        return False, "kw_backupconfig: the execution module kw_backupconfig isn't available"
    return __virtualname__


def managed(name, node, settings):
    """
    Keep what an instance's backups need to know where only root can read it, credentials in plain text.

    name
        Name of the instance.
    node
        What this node is called in stores.
    settings
        ``store``, ``keep``, ``recipients``, ``verify``, ``access_key``, ``secret_key``.

    .. code-block:: yaml

        mysite:
          kw_backupconfig.managed:
            - node: blue
            - settings: {store: "local:/var/backups/kraftwerk", keep: 7d, recipients: [], verify: weekly}
    """
    ret = {"name": name, "changes": {}, "result": True, "comment": "Backups are set up as they should be"}
    try:
        changes = __salt__["kw_backupconfig.write"](name, node, settings, test=__opts__["test"])
    except (RuntimeError, ValueError, OSError) as error:
        return {**ret, "result": False, "comment": str(error)}
    if changes:
        ret["changes"] = {key: "changed" for key in changes}
        ret["result"] = None if __opts__["test"] else True
        ret["comment"] = "Backups would be set up" if __opts__["test"] else "Backups were set up"
    if kept := __salt__["kw_backupconfig.kept"](name, settings):
        ret["comment"] += f"; left as it is, since this admin can't decrypt it: {', '.join(kept)}"
    return ret
