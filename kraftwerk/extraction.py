"""An archive's members as files, for those who read them with other tools; nothing is unpacked."""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from kraftwerk import archive
from kraftwerk.archive import CHECKSUMS, MANIFEST, Position
from kraftwerk.errors import KraftwerkError
from kraftwerk.room import check_room


def extract(path: Path, folder: Path, only: Collection[str] = ()) -> list[Path]:
    """Verify an archive, write its members below a folder, and return their paths in it.

    The folder appears when all is in it. Names come from the verified manifest, where none can lead elsewhere.
    manifest.json and SHA256SUMS stand beside the members; with `only` they speak of these alone.

    Args:
        folder: one that doesn't exist, or is empty.
        only: services; all by default.

    Raises:
        KraftwerkError: the archive isn't whole or lacks a service, the folder holds something (code 2), or there is no
            room. Nothing is left then of what was written.
    """
    manifest = archive.verify(path)
    if unknown := sorted(set(only) - set(manifest.order)):
        raise KraftwerkError(f"{path} holds no {', '.join(unknown)}, but {', '.join(manifest.order)}", code=2)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise KraftwerkError(f"{folder} exists, and is no empty folder", next_command="--to another one", code=2)
    services = tuple(dump for dump in manifest.services if not only or dump.service in only)
    chosen = [position for position in archive.positions(path) if not only or position.service in only]
    check_room(folder.absolute().parent, sum(position.member.size for position in chosen), "--to DIR")
    manifest = replace(manifest, order=tuple(dump.service for dump in services), services=services)
    try:
        written = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
        try:
            for position in chosen:
                _extract(path, position, written)
            _write(written / MANIFEST, [manifest.as_bytes()])
            _write(written / CHECKSUMS, [manifest.checksums()])
            written.rename(folder)
        except BaseException:
            shutil.rmtree(written)
            raise
    except OSError as error:
        raise KraftwerkError(f"{folder} can't be written: {error.strerror}") from error
    return [folder / position.service / position.member.name for position in chosen]


def _extract(path: Path, position: Position, folder: Path) -> None:
    (folder / position.service).mkdir(mode=0o700, exist_ok=True)
    with archive.reading(path, position) as chunks:
        name = f"{position.service}/{position.member.name}"
        _write(folder / name, archive.compared(name, position.member, chunks))


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a new file that only we can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
