"""
A folder with these modules on the node, for what runs there by itself: ``python3 …/kw_call.py kw_backup.scheduled …``.
"""

import os
import platform

__virtualname__ = "kw_program"


def __virtual__():
    """Load on Linux only, as the modules that it copies."""
    if platform.system() != "Linux":
        return False, "kw_program: instances run on Linux nodes only"
    return __virtualname__


def install(folder, test=False):
    """
    Make a folder hold the modules that Salt was sent along with this one, and no others.

    folder
        The folder, such as ``/usr/local/lib/kraftwerk``; made if it isn't there.
    test
        Only say what would change. Default: ``False``.

    Returns the changes as ``{file: "added" | "changed" | "removed"}``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_program.install /usr/local/lib/kraftwerk test=True
    """
    wanted, present = _modules(os.path.dirname(os.path.abspath(__file__))), _modules(folder)
    changes = {name: "added" for name in wanted if name not in present}
    changes.update({name: "removed" for name in present if name not in wanted})
    changes.update({name: "changed" for name in wanted if name in present and wanted[name] != present[name]})
    if test or not changes:
        return changes
    os.makedirs(folder, mode=0o755, exist_ok=True)
    for name, change in changes.items():
        path = os.path.join(folder, name)
        if change == "removed":
            os.unlink(path)
        else:
            with open(f"{path}.new", "wb") as file:
                file.write(wanted[name])
            os.replace(f"{path}.new", path)
    return changes


def _modules(folder):
    """The modules in a folder, with their bytes."""
    if not os.path.isdir(folder):
        return {}
    names = sorted(name for name in os.listdir(folder) if name.startswith("kw_") and name.endswith(".py"))
    return {name: _content(os.path.join(folder, name)) for name in names}


def _content(path):
    with open(path, "rb") as file:
        return file.read()
