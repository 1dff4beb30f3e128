"""Room on the disk, made sure of before anything large is written."""

import shutil
from pathlib import Path

from kraftwerk import screen
from kraftwerk.errors import KraftwerkError

SPARE = 16 << 20  # bytes that stay free at least


def check_room(folder: Path, needed: int, otherwise: str) -> None:
    """Make sure that a folder's disk has room for that many bytes, and a few more.

    Args:
        otherwise: the option that names another folder.

    Raises:
        KraftwerkError: it doesn't, with the figures.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        figures = f"about {screen.size(needed + SPARE)} are needed, {screen.size(free)} are free"
        raise KraftwerkError(f"no room in {folder.absolute()}: {figures}", next_command=f"{otherwise} elsewhere")
