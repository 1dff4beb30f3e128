"""All secrets of a project encrypted anew, for those who shall be able to read them from now on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import keypath, recipients, secret, textfile, yamltext
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.recipients import Recipient
from kraftwerk.schema import shown
from kraftwerk.yamltext import Place


@dataclass(frozen=True)
class Rekeyed:
    """A file with its secrets encrypted anew, not written yet; keys are theirs."""

    path: Path
    text: str
    keys: tuple[str, ...]


def plan(root: Path, everybody: Sequence[Recipient]) -> list[Rekeyed]:
    """Return the project's files that hold secrets, with these encrypted anew.

    Raises:
        KraftwerkError: some secrets can't be read here, all of which are named, or a file isn't YAML (code 2).
    """
    problems: list[str] = []
    files = [root / FILE, *sorted((root / "pillar").glob("*.sls"))]
    found = [_rekeyed(path, [each.key for each in everybody], problems) for path in files]
    if problems:
        raise KraftwerkError(
            "\n".join(problems), next_command="a colleague who can read them: kraftwerk config rekey", code=2
        )
    return [each for each in found if each.keys]


def _rekeyed(path: Path, keyring: Sequence[str], problems: list[str]) -> Rekeyed:
    text = textfile.content(path)
    edits, keys = [], []
    for place in encrypted(path, text):
        try:
            plain = secret.decrypt(str(place.node.value))
        except KraftwerkError as error:
            where = f"{shown(path)}:{place.node.start_mark.line + 1}: {keypath.text(place.keys)}"
            problems.append(f"{where}: {error.cause}")
            continue
        keys.append(keypath.text(place.keys))
        anew = secret.encrypt(plain, keyring)
        edits += yamltext.substitute(text, place, yamltext.scalar(anew, flow=place.flow))
    return Rekeyed(path, yamltext.apply(text, edits), tuple(keys))


def encrypted(path: Path, text: str) -> list[Place]:
    """Return the encrypted values of a file.

    Raises:
        KraftwerkError: it isn't YAML (code 2).
    """
    try:
        node = yamltext.compose(text)
    except KraftwerkError as error:
        raise KraftwerkError(f"{shown(path)}: {error.cause}", code=2) from error
    found = yamltext.places(node) if node is not None else ()
    return [place for place in found if secret.is_encrypted(place.node.value)]


def carry_out(root: Path, *, test: bool = False) -> list[str]:
    """Encrypt all secrets anew, unless it is only tested, and return what is to be told of it.

    Raises:
        KraftwerkError: as `plan`; or nobody is on the list yet, or this admin isn't (code 2).
    """
    everybody = recipients.read(root)
    if not everybody:
        raise KraftwerkError(
            f"{shown(recipients.file(root))} names nobody",
            next_command="kraftwerk config set KEY --secret makes it, with you on it",
            code=2,
        )
    if not recipients.include_us(everybody):
        raise KraftwerkError(
            f"{shown(recipients.file(root))} doesn't name you: you couldn't read these secrets any more",
            next_command=f"add your key there: {secret.public_key()}",
            code=2,
        )
    found = plan(root, everybody)
    for each in () if test else found:
        textfile.replace(each.path, each.text)
    told = [f"{shown(each.path)}: {', '.join(each.keys)}" for each in found] or ["there are no secrets here yet"]
    verb = "would be encrypted" if test else "encrypted"
    if found:
        told.append(f"{verb} for {recipients.names(everybody)}")
        told.append("Whoever could read them before knows these values still: after somebody left, change them, too.")
    return told
