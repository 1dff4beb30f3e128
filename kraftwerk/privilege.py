"""Root, or sudo: the only place that asks for privilege."""

import os
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from subprocess import PIPE

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.process import Completed, Stream

SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"  # where an ordinary user's PATH doesn't look


def which(program: str) -> str | None:
    """Return the path of a program as root would find it, or None."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")


def words(argv: Sequence[str]) -> list[str]:
    """Return an argv that runs as root: itself for root, else through sudo, which never asks here (see `obtain`)."""
    command = [which(argv[0]) or argv[0], *argv[1:]]
    return command if os.geteuid() == 0 else ["sudo", "-n", "--", *command]


@cache
def obtain() -> None:
    """Make sure that root can be had; sudo asks for its password here, once, when there is a terminal.

    Raises:
        KraftwerkError: neither root nor sudo.
    """
    if os.geteuid() == 0 or (which("sudo") and _sudo_without_password()):
        return
    if not which("sudo"):
        raise KraftwerkError("this needs root, and sudo is not installed here", next_command="run kraftwerk as root")
    if not sys.stdin.isatty() or process.run(["sudo", "-v"], stdin=None, stderr=None, check=False).returncode:
        raise KraftwerkError("this needs root, and sudo does not give it to you", next_command="sudo -v")


def _sudo_without_password() -> bool:
    return process.run(["sudo", "-n", "true"], check=False, timeout=30).returncode == 0


def run(
    argv: Sequence[str],
    *,
    input: bytes | None = None,
    stdout: Stream = PIPE,
    stderr: Stream = PIPE,
    timeout: float | None = 60,
    check: bool = True,
) -> Completed:
    """Run a program as root, to its end; arguments and errors as in `process.run`."""
    obtain()
    return process.run(words(argv), input=input, stdout=stdout, stderr=stderr, timeout=timeout, check=check)


def write(path: Path, content: bytes, *, like: os.stat_result) -> None:
    """Replace a system file so that a reader sees the old or the new content, keeping its mode and owner.

    Args:
        like: what the file's mode and owner shall be.

    Raises:
        KraftwerkError: it could not be written; the file is as before.
    """
    temporary = path.with_name(f".{path.name}.kraftwerk")
    mode, owner = f"{like.st_mode & 0o7777:o}", [f"--owner={like.st_uid}", f"--group={like.st_gid}"]
    run(["install", f"--mode={mode}", *owner, "/dev/stdin", str(temporary)], input=content)
    moved = run(["mv", "--no-target-directory", str(temporary), str(path)], check=False)
    if moved.returncode:  # a file mounted on its own, as /etc/hosts in a container, can't be replaced by another
        run(["cp", "--no-preserve=mode,ownership", str(temporary), str(path)])
        run(["rm", "--force", str(temporary)])
