"""How a virtualenv differs from what it shall have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

from kraftwerk.errors import KraftwerkError
from kraftwerk.virtualenvs.reading import OURS_TO_CHANGE, Package
from kraftwerk.wheels.wheel import Wheel

TOOLS = frozenset({"pip", "setuptools", "wheel", "distribute", "uv"})  # what virtualenvs come with


@dataclass(frozen=True)
class Difference:
    """What would change.

    Attributes:
        up, down: packages that get a newer or older version: the old one and the new one.
        new: packages that it doesn't have.
        gone: packages that it has and nothing requires.
        wheels: those to be installed.
        removing: what is gone is taken away; else it stays.
    """

    up: Mapping[str, tuple[str, str]]
    down: Mapping[str, tuple[str, str]]
    new: Mapping[str, str]
    gone: Mapping[str, str]
    wheels: tuple[Wheel, ...] = ()
    removing: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything would change."""
        return bool(self.wheels or (self.removing and self.gone))

    @property
    def leaving(self) -> list[str]:
        """Return the packages whose files go, to make room for others or for good."""
        return [*self.up, *self.down, *(self.gone if self.removing else ())]

    def lines(self) -> list[str]:
        """Return it for people, a line for each package."""
        pairs = {"up": self.up, "down": self.down}
        rows = [(word, name, f"{old} → {new}") for word, part in pairs.items() for name, (old, new) in part.items()]
        rows += [("new", name, version) for name, version in self.new.items()]
        stays = "" if self.removing else " (stays; --remove takes it away)"
        rows += [("gone", name, f"{version}{stays}") for name, version in self.gone.items()]
        width = max((len(name) for _, name, _ in rows), default=0)
        return [f"{word.ljust(5)} {name.ljust(width)}  {what}" for word, name, what in rows]

    def summary(self) -> str:
        """Return how much it is: `2 up, 1 new`."""
        gone = self.gone if self.removing else {}
        parts = {"up": self.up, "down": self.down, "new": self.new, "gone": gone}
        return ", ".join(f"{len(part)} {word}" for word, part in parts.items() if part)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {"up": self.up, "down": self.down, "new": self.new, "gone": self.gone, "removes": self.removing}


def compare(installed: Mapping[str, Package], wanted: Sequence[Wheel], *, remove: bool = False) -> Difference:
    """Return what would change.

    Args:
        installed: packages by name.
        wanted: all wheels that it shall have, in the end.
        remove: take away what isn't among them.

    Raises:
        KraftwerkError: a package that would have to go can't: it is a link to a folder, or nobody knows its files.
    """
    changing = [each for each in wanted if each.name not in installed or not _same(installed[each.name], each)]
    old = {each.name: installed[each.name].version for each in changing if each.name in installed}
    pairs = {each.name: (old[each.name], each.version) for each in changing if each.name in old}
    names = {each.name for each in wanted} | TOOLS
    own = {name: package for name, package in installed.items() if package.kind != "system"}
    gone = {name: package.version for name, package in sorted(own.items()) if name not in names}
    for name in [*pairs, *(gone if remove else ())]:
        if installed[name].kind not in OURS_TO_CHANGE:
            raise KraftwerkError(f"{name} {installed[name].version} {_reason(installed[name])}")
    return Difference(
        up={name: pair for name, pair in pairs.items() if _rises(*pair)},
        down={name: pair for name, pair in pairs.items() if not _rises(*pair)},
        new={each.name: each.version for each in changing if each.name not in old},
        gone=gone,
        wheels=tuple(changing),
        removing=remove,
    )


def _reason(package: Package) -> str:
    if package.kind == "link":
        return "is a link to a folder there (pip install -e), which its owner works in; pip uninstall it there first"
    return "can't be taken away: nothing says which files it has; pip install --force-reinstall it there once"


def _same(package: Package, wheel: Wheel) -> bool:
    try:
        return Version(package.version) == Version(wheel.version)
    except InvalidVersion:
        return package.version == wheel.version


def _rises(old: str, new: str) -> bool:
    try:
        return Version(old) < Version(new)
    except InvalidVersion:  # one that nobody would be allowed to publish today
        return True
