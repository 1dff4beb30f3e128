"""What was written into a project, so that it can be taken back: exactly that, and nothing that was edited since."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from kraftwerk import textfile
from kraftwerk.adoption.changes import Change
from kraftwerk.deployment import FILE
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import private, state_home, write_atomic


@dataclass(frozen=True)
class Record:
    """An adoption of a project.

    Attributes:
        root: the project's folder.
        files: what was written: each path with the text before (None: it wasn't there) and the hash of the text after.
        done: all of it was written; else a run was killed in between.
    """

    root: str
    files: tuple[dict[str, str | None], ...]
    done: bool = False


def file_of(root: Path) -> Path:
    """Return where the record of a project is kept: not in the project, whose files go to servers."""
    return state_home() / "adopted" / f"{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.json"


def read(root: Path) -> Record | None:
    """Return the record of a project, None where it has none.

    Raises:
        KraftwerkError: it is damaged (code 2).
    """
    path = file_of(root)
    try:
        plain = json.loads(path.read_text())
        return Record(plain["root"], tuple(plain["files"]), bool(plain["done"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise KraftwerkError(f"{path} is damaged: {error}", next_command=f"cat {path}", code=2) from error


def write(root: Path, changes: Sequence[Change]) -> None:
    """Write changes into a project: the record first, so that whatever was written can be taken back.

    Raises:
        KraftwerkError: a file was changed since it was read, or can't be written.
    """
    for change in changes:
        if _text(root / change.path) != change.before:
            raise KraftwerkError(f"{change.path} was changed meanwhile", next_command="the same command again")
    files = tuple({"path": each.path, "before": each.before, "after": _hash(each.after)} for each in changes)
    _save(root, Record(str(root), files))
    for change in changes:
        (root / change.path).parent.mkdir(parents=True, exist_ok=True)
        textfile.replace(root / change.path, change.after)
    _save(root, Record(str(root), files, done=True))


def take_back(root: Path, *, leave_edited: bool = False) -> list[str]:
    """Take back what was written into a project and forget about it; return the files, in that order.

    Args:
        leave_edited: files that were edited since stay as they are, and the others are taken back all the same.

    Raises:
        KraftwerkError: nothing was, or a file was edited since: then nothing is touched (code 2).
    """
    found = read(root)
    if found is None:
        raise KraftwerkError(f"nothing in {root} was written by kraftwerk adopt here", code=2)
    edited = [str(each["path"]) for each in found.files if not _is_ours(root, each)]
    if edited and not leave_edited:
        said = f"{', '.join(edited)} {'was' if len(edited) == 1 else 'were'} edited since; nothing was touched"
        raise KraftwerkError(said, next_command=f"remove by hand what you don't need, and {FILE} last", code=2)
    ours = {str(each["path"]): each["before"] for each in found.files if each["path"] not in edited}
    for name, before in ours.items():
        _restore(root, name, before)
    file_of(root).unlink(missing_ok=True)
    return list(ours)


def heal(root: Path) -> None:
    """Take back what a killed run wrote; where kraftwerk.yaml is gone since, what was edited just stays.

    Raises:
        KraftwerkError: files were edited since, and kraftwerk.yaml is there (code 2).
    """
    take_back(root, leave_edited=not (root / FILE).exists())


def _is_ours(root: Path, each: dict[str, str | None]) -> bool:
    """Tell whether a file is as we left it, or as it was before, or gone."""
    text = _text(root / str(each["path"]))
    return text in (None, each["before"]) or _hash(text or "") == each["after"]


def _restore(root: Path, name: str, before: str | None) -> None:
    """Have a file be as it was; one that somebody removed since stays away."""
    path = root / name
    if before is not None:
        if os.path.lexists(path):
            textfile.replace(path, before)
        return
    path.unlink(missing_ok=True)
    if path.parent != root:
        with suppress(OSError):  # pillar/, once it is empty
            path.parent.rmdir()


def _text(path: Path) -> str | None:
    return textfile.content(path) if os.path.lexists(path) else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _save(root: Path, record: Record) -> None:
    private(file_of(root).parent)
    write_atomic(file_of(root), json.dumps(asdict(record), indent=2) + "\n")
