"""The files of a project, copied once: every node of a deploy gets the same, whatever is edited meanwhile."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kraftwerk import content, flock, requirements, upload
from kraftwerk.paths import private, state_home
from kraftwerk.rollout import Rollout


@contextmanager
def packed(runs: Sequence[Rollout]) -> Iterator[Path]:
    """Have all runs send the same files and need the same packages; yield a folder for what goes with them.

    The folder is held by a lock, so that those that a killed deploy left are known, and go.

    Raises:
        KraftwerkError: there is nothing to upload, or requirements can't be read (code 2).
    """
    folders = private(state_home() / "parcels")
    with ExitStack() as stack:
        with flock.held(folders, busy=f"another kraftwerk is busy with {folders}"):
            _clear(folders)
            folder = Path(tempfile.mkdtemp(dir=folders))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(flock.held(folder, busy=f"another kraftwerk is busy with {folder}"))
        _fill(runs, folder / "files")
        yield folder


def _fill(runs: Sequence[Rollout], copy: Path) -> None:
    root = runs[0].project.root
    source = upload.source(root)
    names = upload.files(root, source.tracked)
    for name in names:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, copy / name, follow_symlinks=False)
    hashes = content.hashes(copy, names)
    for run in runs:
        run.source, run.files, run.hashes, run.copy = source, names, hashes, copy
        run.wanted = requirements.find(root, run.instance)


def _clear(folders: Path) -> None:
    """Remove what deploys left that were killed."""
    for folder in folders.iterdir():
        flock.remove_abandoned(folder)
