"""Archives that are kept on a node: brought here."""

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath

from kraftwerk import archive
from kraftwerk.errors import KraftwerkError
from kraftwerk.manifest import Manifest
from kraftwerk.room import check_room
from kraftwerk.transport import Connection


def fetch(connection: Connection, source: PurePosixPath, path: Path) -> Manifest:
    """Copy an archive from a node, verify it, and return its manifest; the file appears when it is whole.

    Args:
        source: where it is on the node.
        path: the file, or a folder for it.

    Raises:
        KraftwerkError: it isn't there or isn't whole, the file exists (code 2), or there is no room.
    """
    path = path / source.name if path.is_dir() else path
    if path.exists():
        raise KraftwerkError(f"{path} exists already", next_command="name another file", code=2)
    check_room(path.parent, int(connection.text(["stat", "--format=%s", "--", str(source)])), "name a file")
    part = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
            connection.run(["cat", "--", str(source)], stdout=file)
            os.fsync(file.fileno())
        manifest = archive.verify(part)
        part.rename(path)
    except OSError as error:
        raise KraftwerkError(f"{path} can't be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    return manifest
