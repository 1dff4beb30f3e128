"""Who can read a project's secrets: pillar/recipients.txt, in age's own format."""

import getpass
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kraftwerk import secret, textfile
from kraftwerk.errors import KraftwerkError
from kraftwerk.schema import shown

HEADING = """\
# Who can read the secrets in the files beside this one: a line for each, age1… or an ssh public key (ed25519 or rsa).
# A colleague's key is what `kraftwerk config recipients` prints there. After a change here: kraftwerk config rekey
"""


@dataclass(frozen=True)
class Recipient:
    """Somebody who can read secrets: their public key, and what they are called."""

    key: str
    name: str


def file(root: Path) -> Path:
    """Return the path of a project's list."""
    return root / "pillar" / "recipients.txt"


def read(root: Path) -> list[Recipient]:
    """Return who can read a project's secrets; nobody where there is no list yet.

    A comment right above a key, or behind an ssh key, is its owner's name.

    Raises:
        KraftwerkError: a line is no key; file and line are named (code 2).
    """
    found, name = [], ""
    for number, line in enumerate(textfile.content(file(root)).splitlines(), 1):
        key = line.strip()
        if key.startswith("#"):
            name = key.strip("# ")
        elif key:
            try:
                secret.recipient(key)
            except KraftwerkError as error:
                raise KraftwerkError(f"{shown(file(root))}:{number}: {error.cause}", code=2) from error
            found.append(Recipient(key, (key.split(None, 2)[2:] or [name])[0] or f"{key[:16]}…"))
        if not key.startswith("#"):
            name = ""
    return found


def ensure(root: Path) -> list[Recipient]:
    """Return who can read a project's secrets, after making the list with this admin on it where there is none.

    Raises:
        KraftwerkError: as `read`, or this admin's identity is broken (code 2).
    """
    found = read(root)
    if found:
        return found
    own = Recipient(secret.public_key(), f"{getpass.getuser()}@{socket.gethostname()}")
    before = textfile.content(file(root)) or HEADING
    textfile.replace(file(root), f"{before}\n# {own.name}\n{own.key}\n")
    return [own]


def names(everybody: list[Recipient]) -> str:
    """Return who can read, for people: `you, ada and bob`."""
    own = secret.public_key()
    called = ["you" if each.key == own else each.name for each in everybody]
    called.sort(key=lambda name: name != "you")
    return " and ".join(filter(None, [", ".join(called[:-1]), called[-1]]))


def include_us(everybody: list[Recipient]) -> bool:
    """Tell whether this admin could read what is encrypted for these people; an ssh key of theirs counts, too."""
    return not secret.reveal(secret.encrypt("", [each.key for each in everybody]))[1]


def lines(root: Path) -> list[str]:
    """Return who can read a project's secrets, and this admin's own key, as they are printed.

    Raises:
        KraftwerkError: as `read`.
    """
    everybody, own = read(root), secret.public_key()
    told = [f"{'you' if each.key == own else each.name}  {each.key}" for each in everybody]
    if own in (each.key for each in everybody):
        return told
    here = [f"your own key, for {shown(file(root))}:", own]
    return [*(told or ["nobody yet: the first secret makes the list, with you on it"]), *here]


def as_dict(root: Path) -> dict[str, Any]:
    """Return who can read a project's secrets, and this admin's own key, as plain JSON types.

    Raises:
        KraftwerkError: as `read`.
    """
    return {"recipients": [asdict(each) for each in read(root)], "own": secret.public_key()}
