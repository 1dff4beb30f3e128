"""What stands in the way of a site in its node's nginx, and what may stand aside for it."""

from collections.abc import Sequence
from dataclasses import dataclass

from kraftwerk import nodeprogram
from kraftwerk.errors import KraftwerkError
from kraftwerk.transport import Connection

HARMLESS = "address"  # the site is reached all the same, but not at one address


@dataclass(frozen=True)
class Clash:
    """One thing that stands in the way.

    Attributes:
        kind: invalid, port, layout, user, file, server_name, default_server or address (_modules/kw_nginxclash.py).
        where: file:line, where there is one.
        moves: the path below /etc/nginx that could stand aside, else empty.
        others: names that would not be served either, then.
    """

    kind: str
    text: str
    where: str
    moves: str
    others: tuple[str, ...]

    @property
    def blocks(self) -> bool:
        """Tell whether there can be no site while it is so."""
        return self.kind != HARMLESS

    def line(self) -> str:
        """Return it as it is printed."""
        return f"{self.where}: {self.text}" if self.where else self.text

    @property
    def unserved(self) -> tuple[str, ...]:
        """Return the names that nobody serves while it stands aside."""
        return tuple(name for name in self.others if name not in ("_", ""))

    def question(self) -> str:
        """Return what has to be asked before it stands aside."""
        also = f" ({', '.join(self.unserved)} won't be served either)" if self.unserved else ""
        return f"Let {self.moves} stand aside until rmsite puts it back{also}?"


def find(
    connection: Connection, name: str, domains: Sequence[str], default_server: bool, replaces: Sequence[str]
) -> list[Clash]:
    """Ask a node what stands in a site's way; nothing is changed there.

    Args:
        name: the instance's.
        domains: its names, aliases included.
        default_server: it shall answer for names that no site has.
        replaces: what stands aside anyhow.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    found = nodeprogram.call(connection, "kw_nginxclash.find", name, list(domains), default_server, list(replaces))
    return [Clash(**{**each, "others": tuple(each["others"])}) for each in found]


def refuse(blocking: Sequence[Clash], node_name: str) -> None:
    """Refuse what is in the way, if anything is.

    Raises:
        KraftwerkError: something is; all of it is named, with file and line (code 2).
    """
    if not blocking:
        return
    lines = "\n".join(f"  {each.line()}" for each in blocking)
    movable = all(each.moves for each in blocking)
    domain = any(each.kind == "server_name" for each in blocking)
    advice = "--replace lets it stand aside until rmsite" if movable else "change it there, then once more"
    if domain:
        advice += "; or --domain ANOTHER"
    raise KraftwerkError(f"nginx of {node_name} has no room for the site:\n{lines}", next_command=advice, code=2)
