"""Requirements that are an address, not a name: a fork in a repository, a file, a folder of the project."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kraftwerk.requirements_text import INCLUDE, is_local, normal, read_lines
from kraftwerk.webaddress import bare
from kraftwerk.wheels.target import Target
from kraftwerk.wheels.wheel import Wheel, best

EDITABLE = re.compile(r"(-e|--editable)[\s=]*")
NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?P<extras>\[[^]]*\])?\s*@\s*(?P<url>[^\s;]+)(?P<rest>.*)")
BARE = re.compile(r"((git|hg|svn|bzr)\+\S+|https?://\S+)")
EGG = re.compile(r"#(.*&)?egg=(?P<name>[\w.-]+)")
SUBDIRECTORY = re.compile(r"[#&]subdirectory=(?P<folder>[^&\s;]+)")
INDEX = ("-i", "-f", "--")  # what options begin with that are no requirements
OPTION = re.compile(r"\s+--(hash|config-settings?|global-option|install-option)[=\s].*")


@dataclass(frozen=True)
class Address:
    """A requirement by address.

    Attributes:
        line: as it stands in the file, without `-e`.
        url: the address, without a fragment.
        name: the package's, if the line tells; extras and marker as they stand there.
    """

    line: str
    url: str
    name: str = ""
    extras: str = ""
    rest: str = ""

    @property
    def subdirectory(self) -> str:
        """Return the folder of the repository that the package is in; empty for its top."""
        found = SUBDIRECTORY.search(self.line)
        return found["folder"] if found else ""


@dataclass
class Split:
    """Lines of requirements by kind: names with versions, addresses, constraints, and folders of the project."""

    names: list[str] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def split(lines: Sequence[str], root: Path | None = None) -> Split:
    """Return requirements by kind.

    Indexes and hashes that the lines name don't count: only wheels of the house do, and the hashes of its log.

    Args:
        root: the folder that `-r` and `-c` lines are relative to.
    """
    found = Split()
    for line in _all_lines(lines, root):
        _sort(line, found)
    return found


def wheel(address: Address, wheels: Sequence[Wheel], target: Target) -> Wheel | None:
    """Return the wheel that was built from an address, the newest that fits."""
    return best([each for each in wheels if _is_from(each, address)], target)


def reason(address: Address, wheels: Sequence[Wheel], target: Target) -> str:
    """Return why no wheel does for an address."""
    if built := [each for each in wheels if _is_from(each, address)]:
        return f"{built[0].path.name} is not for {target.words}"
    return "no wheel was built from there"


def address(line: str) -> Address | None:
    """Return the address that a line requires; None for names and for folders and files."""
    line = OPTION.sub("", EDITABLE.sub("", line)).strip()
    if is_local(line):
        return None
    if named := NAMED.match(line):
        url = named["url"].partition("#")[0]
        return Address(line, url, normal(named["name"]), named["extras"] or "", named["rest"].strip())
    if BARE.match(line):
        egg = EGG.search(line)
        return Address(line, line.partition("#")[0], normal(egg["name"]) if egg else "")
    return None


def folder(line: str) -> str:
    """Return the folder that a line requires, as a path; empty for everything else."""
    found = EDITABLE.sub("", line).strip()
    if not is_local(found):
        return ""
    return re.sub(r"^[\w.-]+(\[[^]]*\])?\s*@\s*", "", found).removeprefix("file://").partition("[")[0]


def _sort(line: str, found: Split) -> None:
    constrains = line.startswith("-c ")
    line = OPTION.sub("", line.removeprefix("-c ")).strip()
    if is_local(line):
        found.folders.append(EDITABLE.sub("", line))
    elif by_address := address(line):
        if not constrains:
            found.addresses.append(by_address)
    elif not line.startswith(INDEX):
        (found.constraints if constrains else found.names).append(line)


def _all_lines(lines: Sequence[str], root: Path | None) -> list[str]:
    """Return lines with those of the files that they include; a constraint begins with `-c `."""
    found: list[str] = []
    for line in lines:
        include = INCLUDE.match(line)
        if include and root is not None and (root / include[2]).is_file():
            mark = "-c " if include[1] in ("-c", "--constraint") else ""
            found += [mark + each for each in read_lines(root, include[2], [])]
        elif line.strip():
            found.append(line.strip())
    return found


def _is_from(each: Wheel, address: Address) -> bool:
    """Tell whether a wheel was built from an address: the very same, whatever commit that was then."""
    asked = each.source.partition(" ")[0]
    return bare(asked) == bare(address.url) and address.name in ("", each.name)
