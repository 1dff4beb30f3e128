"""A pillar file in the user's editor; with its secrets in plain text only if asked, and then only in memory."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from kraftwerk import configdiff, configleaf, process, recipients, rekey, screen, secret, yamltext
from kraftwerk.configdiff import Difference
from kraftwerk.configfile import ConfigFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.schema import shown
from kraftwerk.yamltext import Place

TAG = "!secret"


class Draft:
    """A copy of a file that is edited, in a folder of its own; 0600.

    Args:
        file: what is edited.
        reveal: show its secrets, each marked as `!secret`; what is marked so is encrypted again.
    """

    def __init__(self, file: ConfigFile, *, reveal: bool) -> None:
        self.file = file
        self.known = _known(file) if reveal else {}
        self.shown = _revealed(file.text, self.known)
        self.path = Path(tempfile.mkdtemp(prefix="kraftwerk-", dir=_memory())) / file.path.name
        write_atomic(self.path, self.shown)

    def edit(self) -> None:
        """Open it in the user's editor and wait until that is closed.

        Raises:
            KraftwerkError: there is no such editor, or it failed.
        """
        words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        process.run([*words, str(self.path)], stdin=None, stdout=None, stderr=None)

    def text(self) -> str:
        """Return what the file shall say, secrets encrypted: those that are as they were keep their old ciphertext.

        Raises:
            KraftwerkError: it isn't YAML, or the project would have mistakes (code 2).
        """
        written = self.path.read_bytes().decode()
        if written == self.shown:
            return self.file.text
        try:
            text = _encrypted(written, self.file, self.known)
        except KraftwerkError as error:
            raise KraftwerkError(f"{shown(self.file.path)}: {error.cause}", code=2) from error
        self.file.tried(text)
        return text

    def remove(self) -> None:
        """Remove it, and what the editor left beside it."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def changes(old: str, new: str) -> list[Difference]:
    """Return the keys that two texts of a file give different values."""
    before, after = (dict(configleaf.flat(yaml.safe_load(text) or {})) for text in (old, new))
    return configdiff.compare(before, after)


def _memory() -> Path:
    """Return a folder that is never written to a disk, where this machine has one."""
    candidates = (Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"), Path("/dev/shm"))  # noqa: S108 - 0700 below
    return next((path for path in candidates if os.access(path, os.W_OK)), None) or private(state_home())


def _known(file: ConfigFile) -> dict[Place, tuple[str, str]]:
    """Return the secrets of a file that we can read: each with its plain text and as it is encrypted."""
    found = {}
    for place in rekey.encrypted(file.path, file.text):
        try:
            found[place] = (secret.decrypt(str(place.node.value)), str(place.node.value))
        except KraftwerkError:
            continue  # somebody else's: it stays as it is
    return found


def _revealed(text: str, known: Mapping[Place, tuple[str, str]]) -> str:
    edits = [
        edit
        for place, (plain, _) in known.items()
        for edit in yamltext.substitute(text, place, yamltext.scalar(plain, flow=place.flow, tag=TAG))
    ]
    return yamltext.apply(text, edits)


def _encrypted(text: str, file: ConfigFile, known: Mapping[Place, tuple[str, str]]) -> str:
    root, edits = yamltext.compose(text), []
    by_key = {place.keys: found for place, found in known.items()}
    by_plain = dict(known.values())
    for place in yamltext.places(root) if root is not None else ():
        if place.node.tag == TAG:
            plain = str(place.node.value)
            old = by_key.get(place.keys)
            cipher = old[1] if old and old[0] == plain else by_plain.get(plain) or _anew(plain, file)
            edits += yamltext.substitute(text, place, yamltext.scalar(cipher, flow=place.flow))
    return yamltext.apply(text, edits)


def _anew(plain: str, file: ConfigFile) -> str:
    return secret.encrypt(plain, [each.key for each in recipients.ensure(file.root)])


def session(file: ConfigFile, *, reveal: bool, again: Callable[[], bool]) -> list[str]:
    """Let a file be edited until it is right, write it, and return a line for each key that changed.

    Args:
        reveal: with secrets in plain text.
        again: asks whether to go on after a mistake; if not, the draft is kept.

    Raises:
        KraftwerkError: it was left with mistakes, or changed meanwhile; where the draft is kept is told.
    """
    draft = Draft(file, reveal=reveal)
    kept = f"{shown(file.path)} is as it was; your draft is kept in {draft.path}"
    while True:
        try:
            draft.edit()
            text = draft.text()
            if text != file.text:
                file.write(text)
            break
        except KraftwerkError as error:
            screen.warn(error.cause)
            if not again():
                raise KraftwerkError(kept, code=error.code) from error
        except KeyboardInterrupt:
            screen.warn(kept)
            raise
    draft.remove()
    return [f"{shown(file.path)}: {each.line()}" for each in changes(file.text, text)]
