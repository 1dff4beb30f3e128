"""The custom modules on a node, a folder for each version: what a run uses stays until it ends.

Runs of two projects, whose modules differ, may be at work at a time. Each holds a shared lock on its folder, which the
kernel takes back however it ends. A folder is removed under another name: none is ever found half.
"""

import fcntl
import io
import os
import shutil
import tarfile
import tempfile

MARK = "modules-"


def hold(folder: str) -> int:
    """Return what holds a folder until it is closed.

    Raises:
        FileNotFoundError: it isn't there, or was removed just now.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_SH)
    if os.path.exists(folder) and os.path.samestat(os.fstat(held), os.stat(folder)):
        return held
    os.close(held)
    raise FileNotFoundError(folder)


class Modules:
    """The modules that a run uses, one version at a time."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.held: tuple[str, int] | None = None

    def path_of(self, version: str) -> str:
        """Return the folder of a version."""
        return os.path.join(self.place, MARK + version)

    def hold(self, version: str) -> bool:
        """Keep others from removing a version, instead of the one before; tell whether it is there."""
        if self.held and self.held[0] == version:
            return True
        try:
            held = hold(self.path_of(version))
        except FileNotFoundError:
            return False
        self.release()
        self.held = version, held
        return True

    def release(self) -> None:
        """Hold none any more."""
        if self.held:
            os.close(self.held[1])
        self.held = None

    def take_in(self, data: bytes, version: str) -> None:
        """Unpack an archive to the folder of its version in one step, and hold that; versions that nobody uses go."""
        self.release()
        with open(os.path.join(self.place, "modules.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.sweep(version)
            if not os.path.isdir(self.path_of(version)):  # else another run was first
                folder = tempfile.mkdtemp(prefix=".", dir=self.place)
                with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
                    if hasattr(tarfile, "data_filter"):
                        archive.extraction_filter = tarfile.data_filter
                    archive.extractall(folder)  # noqa: S202 - made by kraftwerk on the admin's computer
                os.rename(folder, self.path_of(version))
            self.hold(version)

    def sweep(self, wanted: str) -> None:
        """Remove other versions, unless a run holds them, and what is left of runs that were killed in here."""
        for name in os.listdir(self.place):
            path = os.path.join(self.place, name)
            if name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)
            elif name.startswith(MARK) and path != self.path_of(wanted):
                self.retire(path)

    def retire(self, folder: str) -> None:
        """Remove a version, unless a run holds it."""
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside = tempfile.mkdtemp(prefix=".", dir=self.place)
            os.rename(folder, os.path.join(aside, "gone"))
            shutil.rmtree(aside, ignore_errors=True)
        except BlockingIOError:
            return
        finally:
            os.close(held)
