"""The names of nodes and sites in /etc/hosts: one marked block, written atomically and taken out when it is empty."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from kraftwerk import flock, privilege

HOSTS = Path("/etc/hosts")
BEGIN = "# kraftwerk: begin"
BEGIN_JOINED = f"{BEGIN} (the line above had no end)"  # so that the file becomes what it was, to the byte
END = "# kraftwerk: end"

Entries = dict[str, tuple[str, ...]]


def entries() -> Entries:
    """Return the names in kraftwerk's block by their address."""
    return parse(_read())[1]


def add(address: str, names: Sequence[str]) -> None:
    """Make names known on this machine; those that other addresses of the block had move here.

    Args:
        address: the node's.
        names: such as blue, or mysite.blue; added to what the address has already.

    Raises:
        KraftwerkError: no privilege, or the file can't be written.
    """
    with _locked():
        before, found, after = parse(_read())
        moved = {each: tuple(name for name in old if name not in names) for each, old in found.items()}
        moved[address] = tuple(dict.fromkeys([*found.get(address, ()), *names]))
        _write(before, moved, after)


def follow(address: str, names: Sequence[str]) -> None:
    """Make sites known whose node is: mysite.blue where the block has blue. Other domains are left to the world's DNS.

    Raises:
        KraftwerkError: as `add`.
    """
    known = entries().get(address, ())
    below = [name for name in names if any(name.endswith(f".{node}") for node in known)]
    if not set(below) <= set(known):
        add(address, below)


def remove(address: str, names: Sequence[str] | None = None) -> None:
    """Forget names of an address, or all of them; nothing is asked or written when the block doesn't have it.

    Raises:
        KraftwerkError: no privilege, or the file can't be written.
    """
    if address not in entries():
        return
    with _locked():
        before, found, after = parse(_read())
        kept = tuple(name for name in found.get(address, ()) if names is not None and name not in names)
        _write(before, {**found, address: kept}, after)


def parse(text: str) -> tuple[str, Entries, str]:
    """Return what stands before the block, the block's entries, and what stands after it."""
    lines = text.splitlines(keepends=True)
    begin = next((number for number, line in enumerate(lines) if line.startswith(BEGIN)), None)
    if begin is None:
        return text, {}, ""
    end = next((number for number in range(begin, len(lines)) if lines[number].startswith(END)), len(lines))
    before = "".join(lines[:begin])
    if lines[begin].startswith(BEGIN_JOINED):
        before = before.removesuffix("\n")
    found: Entries = {}
    for line in lines[begin + 1 : end]:
        address, *names = line.split()
        found[address] = tuple(names)
    return before, found, "".join(lines[end + 1 :])


def render(before: str, found: Mapping[str, Sequence[str]], after: str) -> str:
    """Return the file's text; the opposite of `parse`. Addresses without names are left out."""
    lines = [f"{address} {' '.join(names)}\n" for address, names in found.items() if names]
    if not lines:
        return before + after
    joined = bool(before) and not before.endswith("\n")
    begin = f"\n{BEGIN_JOINED}\n" if joined else f"{BEGIN}\n"
    return "".join([before, begin, *lines, f"{END}\n", after])


def _locked() -> AbstractContextManager[int]:
    return flock.held(HOSTS.parent, busy=f"another kraftwerk is writing {HOSTS}")


def _read() -> str:
    return HOSTS.read_bytes().decode(errors="surrogateescape") if HOSTS.exists() else ""


def _write(before: str, found: Mapping[str, Sequence[str]], after: str) -> None:
    text = render(before, found, after)
    if text != _read():
        privilege.write(HOSTS, text.encode(errors="surrogateescape"), like=HOSTS.stat())
