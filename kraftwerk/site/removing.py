"""A site's way out: its instance by the same steps as `destroy`, and its source."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import nodeprogram, registry, target
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, all_nodes, get_node
from kraftwerk.site import record
from kraftwerk.target import Target
from kraftwerk.transport import Connection

NOWHERE = Path("/nonexistent")  # the project's folder where it isn't here: nothing of its own goes before the shipped


@dataclass(frozen=True)
class Leaving:
    """A site that shall go.

    Attributes:
        there: its instance; None where the node has nothing of it (any more).
        folder: its source, where mksite made that here; else None.
    """

    name: str
    node: Node
    there: Target | None
    folder: Path | None


def find(name: str, wanted: str) -> Leaving:
    """Return a site by its name.

    Args:
        wanted: its node's name; else the one that mksite noted, else the only one that it is known on.

    Raises:
        KraftwerkError: there is none (any more), or on several nodes (code 2); or the node can't be reached.
    """
    site = record.all_sites().get(name)
    if site and not wanted and site.node not in all_nodes():
        record.forget(name, site.node)
        cause = f"{name} was on {site.node}, which is no node any more: there is nothing to remove but its source"
        raise KraftwerkError(cause, next_command=f"rm -r {site.folder}", code=2)
    node = get_node(wanted or (site.node if site else _only(name)))
    connection = Connection(node)
    known = registry.sync(connection)
    folder = site.folder if site and site.node == node.name and (site.folder / FILE).is_file() else None
    if name not in known and (site is None or site.node != node.name):
        raise KraftwerkError(f"{node.name} has no site {name}", next_command="kraftwerk status", code=2)
    return Leaving(name, node, Target(node, known[name], connection) if name in known else None, folder)


def _only(name: str) -> str:
    hosting = [node.name for node in all_nodes().values() if name in registry.instances(node)]
    if not hosting:
        raise KraftwerkError(f"no site is called {name}", next_command="kraftwerk status", code=2)
    return target.pick(name, (), hosting, (), by="--on NODE")


def check(leaving: Leaving) -> None:
    """See that nginx will take the change, before anything is asked or touched.

    Raises:
        KraftwerkError: its configuration isn't valid as it is; file and line are named.
    """
    if leaving.there and (words := nodeprogram.call(leaving.there.connection, "kw_nginxclash.invalid")):
        cause = f"nginx of {leaving.node.name} is not valid as it is, so that nothing can be taken out: {words}"
        raise KraftwerkError(cause, next_command="mend it there: nginx -t")


def remove_source(leaving: Leaving) -> None:
    """Remove the project's folder; last what makes it one, so that what was interrupted can be called again.

    Raises:
        KraftwerkError: not all of it could be, or it is a link.
    """
    if leaving.folder is None:
        return
    if leaving.folder.is_symlink():
        real = leaving.folder.resolve()
        raise KraftwerkError(f"{leaving.folder} is a link; the project in {real} stays", next_command=f"rm -r {real}")
    try:
        for path in leaving.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != FILE:
                path.unlink()
        shutil.rmtree(leaving.folder)
    except OSError as error:
        raise KraftwerkError(f"{error.filename}: {error.strerror}", next_command=f"rm -r {leaving.folder}") from error
