"""Wheels that a house lacks, made: fetched ready from an index where it has them, built from source elsewhere."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from kraftwerk import virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements import Argv
from kraftwerk.requirements_text import normal, package_name
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection
from kraftwerk.webaddress import bare
from kraftwerk.wheels import fetch, origin, resolution, workshop
from kraftwerk.wheels.house import House
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, best

COMMIT = " at "  # in a source, before the commit that its address was


@dataclass(frozen=True)
class Part:
    """One package that is wanted.

    Attributes:
        line: as uv prints it: `django==5.2.8`, or with an address behind `@`.
        source: the address that was asked for, and what it was just now; empty for a package of an index.
    """

    line: str
    source: str = ""


def build(
    house: House,
    requirements: Sequence[str],
    target: Target,
    *,
    node: Connection | None = None,
    newest: bool = False,
    deps: bool = True,
    folders: bool = True,
    root: Path | None = None,
    on_progress: OnProgress = lambda text: None,
) -> tuple[list[Wheel], list[Wheel]]:
    """Add what requirements need to a house; return the new wheels, and those that were there already.

    Args:
        requirements: lines of a requirements.txt; folders and repositories included.
        target: what the wheels have to fit.
        node: where to build what can't be built here.
        newest: take the newest that the index has of what is named, whatever the house has.
        deps: also what they require themselves.
        folders: also the folders among the requirements; those of a project are built on its nodes.
        root: the folder that paths are relative to.
        on_progress: is told what is being done.

    Raises:
        KraftwerkError: no index is in reach, or something can't be built; what was built before that is in the house.
    """
    on_progress("asking the index")
    new: list[Wheel] = []
    kept: list[Wheel] = []
    parts = resolve(house, requirements, target, newest=newest, deps=deps, root=root)
    parts = [part for part in parts if folders or not origin.folder(part.line)]
    with tempfile.TemporaryDirectory(prefix="kraftwerk-wheels-") as folder:
        there = {part.line: _held(house, part, target) for part in parts}
        open_parts = [part for part in parts if there[part.line] is None]
        ready = fetch.ready([part.line for part in open_parts if not part.source], target, Path(folder), on_progress)
        new += house.add(ready)[0]
        for part in open_parts:
            if part.source or _held(house, part, target) is None:
                on_progress(f"building {bare(part.line)}")
                made = workshop.make(part.line, target, node, Path(folder), house)
                added, same = house.add([made], source=part.source)
                new, kept = new + added, kept + same
    return new, [*kept, *(wheel for wheel in there.values() if wheel)]


def resolve(
    house: House,
    requirements: Sequence[str],
    target: Target,
    *,
    newest: bool = False,
    deps: bool = True,
    root: Path | None = None,
) -> list[Part]:
    """Return what is needed, asked of the house and the index; what the house has is preferred.

    Args:
        house, requirements, target, newest, deps, root: as of `build`.

    Raises:
        KraftwerkError: no index is in reach, or the requirements can't be met.
    """
    asked = origin.split(requirements, root)
    sources = {address.name or address.url: address.url for address in asked.addresses}
    lines = [*asked.names, *(address.line for address in asked.addresses), *asked.folders]
    with resolution.gathered(house.wheels) as folder:
        pins, limits = Path(folder, "pins.txt"), Path(folder, "constraints.txt")
        pins.write_text("".join(f"{wheel.pin}\n" for wheel in _newest(house, target)))
        limits.write_text("\n".join([*asked.constraints, ""]))
        named = sorted(filter(None, map(package_name, asked.names))) if newest else []
        words = argv(virtualenv.uv_program(), target, folder, str(pins), str(limits), named, deps=deps)
        virtualenv.run_uv(words, "\n".join([*lines, ""]).encode(), root)
        found = [line for line in pins.read_text().splitlines() if line and not line.startswith("#")]
    return [_part(line, sources) for line in found]


def argv(uv: str, target: Target, held: str, pins: str, limits: str, named: Sequence[str], *, deps: bool) -> Argv:
    """Return the command that writes the versions for the requirements on its stdin into a file.

    Args:
        held: a folder with the house's wheels.
        pins: the file; versions that it has already are preferred.
        limits: a file of constraints.
        named: packages of which the newest is wanted, whatever the file has.
        deps: also what they require.
    """
    plain = ("--quiet", "--no-annotate", "--no-header", "--no-python-downloads")
    files = ("--constraints", limits, "--find-links", held, "--output-file", pins)
    newest = [word for name in named for word in ("--upgrade-package", name)]
    alone = () if deps else ("--no-deps",)
    return (uv, "pip", "compile", *plain, *files, *alone, *target.uv_words, *newest, "-")


def _newest(house: House, target: Target) -> list[Wheel]:
    names = sorted({wheel.name for wheel in house.wheels})
    found = (best([wheel for wheel in house.wheels if wheel.name == name], target) for name in names)
    return [wheel for wheel in found if wheel]


def _part(line: str, sources: dict[str, str]) -> Part:
    """Return a line of uv's answer with the address that it comes from; uv adds the commit behind an `@`."""
    address = origin.address(line)
    if address is None:
        return Part(line, origin.folder(line))
    asked = sources.get(address.name) or next((url for url in sources.values() if address.url.startswith(url)), "")
    commit = address.url.rpartition("@")[2]
    source = bare(asked or address.url)
    return Part(line, f"{source}{COMMIT}{commit}" if "/" not in commit else source)


def _held(house: House, part: Part, target: Target) -> Wheel | None:
    """Return the house's own wheel for a part: of this version, or built from the very same commit."""
    if part.source:
        same = [wheel for wheel in house.wheels if wheel.source == part.source and COMMIT in part.source]
        return best(same, target)
    return best([wheel for wheel in house.wheels if wheel.pin == pin(part.line)], target)


def pin(line: str) -> str:
    """Return a line of uv's answer as wheels call it: without extras, with the version in its usual form.

    Raises:
        KraftwerkError: it isn't a name with a version.
    """
    found = Requirement(line)
    version = next((str(Version(each.version)) for each in found.specifier), "")
    if not version:
        raise KraftwerkError(f"{line}: not a name with a version")
    return f"{normal(found.name)}=={version}"
