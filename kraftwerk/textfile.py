"""A text file of a project: read with its line breaks as they are, replaced at once with the mode that it has."""

import os
from contextlib import suppress
from pathlib import Path

from kraftwerk.errors import KraftwerkError, unreadable
from kraftwerk.paths import write_atomic
from kraftwerk.schema import shown


def content(path: Path) -> str:
    """Return a file's text with its line breaks as they are; empty where it isn't there.

    Raises:
        KraftwerkError: it can't be read (code 2).
    """
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        raise KraftwerkError(unreadable(shown(path), error), code=2) from error


def replace(path: Path, text: str) -> None:
    """Replace a file at once, keeping its mode and, as far as we may, its owner; a link stays a link."""
    path = path.resolve()
    status = path.stat() if path.exists() else None
    umask = os.umask(0)
    os.umask(umask)
    mode = status.st_mode & 0o7777 if status else 0o666 & ~umask
    write_atomic(path, text, mode=mode)
    path.chmod(mode)
    if status and (status.st_uid, status.st_gid) != (path.stat().st_uid, path.stat().st_gid):
        with suppress(PermissionError):
            os.chown(path, status.st_uid, status.st_gid)
