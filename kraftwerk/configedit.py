"""A pillar file in the user's editor; with its secrets in plain text only if asked, and then only in memory."""

import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import yaml

from kraftwerk import configdiff, configleaf, flock, process, recipients, rekey, screen, secret, yamltext
from kraftwerk.configdiff import Difference
from kraftwerk.configfile import ConfigFile
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.schema import shown
from kraftwerk.yamltext import Place

TAG = "!secret"
OPEN, KEPT = "kraftwerk-edit-", "kraftwerk-kept-"  # what folders of drafts are called


class Draft:
    """A copy of a file that is edited, in a folder of its own; 0600. The folder is locked for as long as we live.

    Args:
        file: what is edited.
        reveal: show its secrets, each marked as `!secret`; what is marked so is encrypted again.
    """

    def __init__(self, file: ConfigFile, *, reveal: bool) -> None:
        self.file = file
        self.known = _known(file) if reveal else {}
        self.shown = _revealed(file.text, self.known)
        memory = _memory()
        _sweep(memory)
        self.folder = Path(tempfile.mkdtemp(prefix=OPEN, dir=memory))
        self._lock = ExitStack()
        busy, remake = f"another kraftwerk is busy with {self.folder}", partial(self.folder.mkdir, mode=0o700)
        self._lock.enter_context(flock.held(self.folder, busy=busy, remake=remake))
        self.path = self.folder / file.path.name
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
        try:
            written = self.path.read_bytes().decode()
        except UnicodeError as error:
            raise KraftwerkError(f"{shown(self.file.path)}: isn't UTF-8", code=2) from error
        if written == self.shown:
            return self.file.text
        try:
            text = _encrypted(written, self.file, self.known)
        except KraftwerkError as error:
            raise KraftwerkError(f"{shown(self.file.path)}: {error.cause}", code=2) from error
        self.file.tried(text)
        return text

    def keep(self) -> str:
        """Keep it for whoever wrote it, and return where, as a sentence."""
        kept = self.folder.rename(self.folder.with_name(self.folder.name.replace(OPEN, KEPT)))
        secrets = ", with its secrets in plain text: remove it soon" if self.known or TAG in self.shown else ""
        return f"{shown(self.file.path)} is as it was; your draft is kept in {kept / self.path.name}{secrets}"

    def remove(self) -> None:
        """Remove it, and what the editor left beside it; one that is kept stays."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def changes(old: str, new: str) -> list[Difference]:
    """Return the keys that two texts of a file give different values."""
    before, after = (dict(configleaf.flat(yaml.safe_load(text) or {})) for text in (old, new))
    return configdiff.compare(before, after)


def _memory() -> Path:
    """Return a folder that is never written to a disk, where this machine has one."""
    candidates = (Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"), Path("/dev/shm"))  # noqa: S108 - 0700 below
    return next((path for path in candidates if os.access(path, os.W_OK)), None) or private(state_home())


def _sweep(memory: Path) -> None:
    """Remove drafts whose kraftwerk was killed: there may be secrets in them."""
    for folder in memory.glob(f"{OPEN}*"):
        flock.remove_abandoned(folder)


@contextmanager
def _tidy() -> Iterator[None]:
    """Let a lost terminal, or a shutdown, end us by an exception, so that nothing stays behind."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    ends = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in ends}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    with _tidy():
        draft = Draft(file, reveal=reveal)
        try:
            text = _agreed(draft, again)
        except KraftwerkError as error:
            raise KraftwerkError(draft.keep(), code=error.code) from error
        except (Exception, KeyboardInterrupt):
            screen.warn(draft.keep())
            raise
        finally:
            draft.remove()
    return [f"{shown(file.path)}: {each.line()}" for each in changes(file.text, text)]


def _agreed(draft: Draft, again: Callable[[], bool]) -> str:
    """Return what the file says when it was edited, checked and written.

    Raises:
        KraftwerkError: it was left with mistakes, or the file changed meanwhile.
    """
    while True:
        try:
            draft.edit()
            text = draft.text()
            if text != draft.file.text:
                draft.file.write(text)
            return text
        except KraftwerkError as error:
            screen.warn(error.cause)
            if not again():
                raise
