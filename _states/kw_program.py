"""
A folder with kraftwerk's modules on the node, for what runs there by itself.
"""

__virtualname__ = "kw_program"


def __virtual__():
    """Load where the execution module of the same name does."""
    if "kw_program.install" not in __salt__:
        return False, "kw_program: the execution module kw_program isn't available"
    return __virtualname__


def present(name):
    """
    Keep the modules that Salt was sent in a folder of the node's.

    name
        The folder.

    .. code-block:: yaml

        /usr/local/lib/kraftwerk:
          kw_program.present: []
    """
    ret = {"name": name, "changes": {}, "result": True, "comment": "All modules are there"}
    try:
        ret["changes"] = __salt__["kw_program.install"](name, test=__opts__["test"])
    except OSError as error:
        return {**ret, "result": False, "comment": str(error)}
    if ret["changes"]:
        ret["result"] = None if __opts__["test"] else True
        ret["comment"] = "Modules would be copied" if __opts__["test"] else "Modules were copied"
    return ret
