"""What an index has: ready wheels for a target, and sources. pip does it: it reads all settings of indexes."""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from kraftwerk import process, virtualenv
from kraftwerk.errors import KraftwerkError
from kraftwerk.paths import write_atomic
from kraftwerk.requirements import Argv
from kraftwerk.screen import OnProgress
from kraftwerk.webaddress import bare
from kraftwerk.wheels.target import Target

INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
PATIENCE = 900  # seconds: some wheels are large


def ready_argv(uv: str, python: str, lines: Iterable[str], target: Target, folder: str) -> Argv:
    """Return the command that fetches ready wheels for a target into a folder, from anywhere.

    Args:
        uv, python: the programs; pip is brought by uv, for this Python.
        lines: names with versions.
        folder: where they are put.
    """
    own = f"cp{target.minor.replace('.', '')}"
    fits = ["--python-version", target.minor, "--implementation", "cp"]
    fits += [word for abi in (own, "abi3", "none") for word in ("--abi", abi)]
    fits += [word for platform in target.platforms for word in ("--platform", platform)]
    return (*_pip(uv, python), "download", *_plain(folder), "--only-binary", ":all:", *fits, *lines)


def source_argv(uv: str, python: str, wanted: str, folder: str) -> Argv:
    """Return the command that fetches the source of a package, which a requirements file names, into a folder."""
    return (*_pip(uv, python), "download", *_plain(folder), "--no-binary", ":all:", "--requirement", wanted)


def ready(lines: Sequence[str], target: Target, folder: Path, on_progress: OnProgress) -> list[Path]:
    """Fetch ready wheels; return their files. What the index has no wheel for is left out.

    Args:
        lines: names with versions.
        target: what the wheels have to fit.
        folder: where they are put.
    """
    if not lines:
        return []
    place = folder / "ready"
    for group in (lines, *([line] for line in lines)):
        on_progress(f"fetching {', '.join(group)}"[:100])
        words = ready_argv(virtualenv.uv_program(), sys.executable, group, target, str(place))
        if not _run(words).returncode and group is lines:
            break
    return sorted(place.glob("*.whl"))


def source(line: str, folder: Path) -> Path:
    """Fetch the source of a package; return its file.

    Args:
        line: a name with its version, or the address of an archive.
        folder: a new one is made in it.

    Raises:
        KraftwerkError: there is none, or no index is in reach.
    """
    place = Path(tempfile.mkdtemp(dir=folder, prefix="fetched-"))
    wanted = folder / f"{place.name}.txt"  # not in argv: an address may have a password in it
    write_atomic(wanted, f"{line}\n")
    done = _run(source_argv(virtualenv.uv_program(), sys.executable, str(wanted), str(place)))
    for found in place.iterdir() if not done.returncode else ():
        return found
    said = [each for each in done.stderr.decode(errors="replace").splitlines() if each.startswith("ERROR")]
    raise KraftwerkError(bare(f"{line}: no wheel that fits, and no source: {(said or ['nothing found'])[-1]}"))


def _run(words: Argv) -> process.Completed:
    """Run pip with the index of this machine, also where only one of uv and pip is told of it."""
    known = [os.environ[name] for name in INDEXES if os.environ.get(name)]
    own = {name: known[0] for name in (INDEXES[0], INDEXES[-1]) if known and not os.environ.get(name)}
    return process.run(words, env={**virtualenv.CERTIFICATES, **own}, timeout=PATIENCE, check=False)


def _pip(uv: str, python: str) -> Argv:
    return (uv, "tool", "run", "--quiet", "--no-python-downloads", "--python", python, "pip")


def _plain(folder: str) -> Argv:
    return ("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--dest", folder)
