"""What was saved: the files of a project as they change, by the rules of the upload."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

from kraftwerk import upload
from kraftwerk.errors import KraftwerkError

# Mostly no part of a release, and they say how the project runs: settings of each environment, and a developer's own.
SETTINGS = ("pillar/*.sls", ".env")
STEP = 20  # milliseconds without another change, until what changed is told
AT_MOST = 300  # milliseconds that changes are collected where they don't end
RULES = ".gitignore"
POLL = 200  # milliseconds between two looks for the end
LOOKS = 10  # at folders that go while they are looked at: another branch is checked out

Mark = tuple[int, int, int]  # when it was written, its size, and which file it is


class Saved:
    """The files of a project, and which of them changed since they were looked at.

    Attributes:
        aside: those that are watched, but aren't uploaded.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.aside: set[str] = set()
        self._tracked = upload.source(root).tracked
        self._known = self._look()

    def changed(self, told: Collection[str] | None = None) -> list[str]:
        """Return the files that are new, changed or gone since the last look, relative to the root, sorted.

        Args:
            told: where the kernel says that something changed; None is anywhere.

        Raises:
            KraftwerkError: no file is left, or a name can't be uploaded.
        """
        before, self._known = self._known, self._look() if told is None else self._glance(told)
        return sorted(name for name in before.keys() | self._known.keys() if before.get(name) != self._known.get(name))

    def watch(self, stop: Event | None = None) -> Iterator[list[str]]:
        """Yield the files that were saved together, each time some are, until `stop` or Ctrl-C.

        Raises:
            KeyboardInterrupt: that was Ctrl-C.
        """
        from watchfiles import DefaultFilter, watch

        # The kernel tells of much that is none of ours; a look at the files themselves decides.
        seen = watch(
            self.root,
            watch_filter=DefaultFilter(),
            step=STEP,
            debounce=AT_MOST,
            rust_timeout=POLL,
            stop_event=stop,
            yield_on_timeout=True,
        )
        first = True  # a look everywhere, for what was saved before the kernel was asked to tell
        for changes in seen:
            if changes or first:
                told = None if first else [os.path.relpath(path, self.root) for _, path in changes]
                first = False
                if found := self.changed(told):
                    yield found

    def _glance(self, told: Collection[str]) -> dict[str, Mark]:
        """Return what a look would, by a look at known files alone where no others can have changed."""
        others = tuple(name for name in told if name not in self._known)
        appeared = any(os.path.lexists(self.root / name) for name in others)
        folders = tuple(f"{name}/" for name in others)
        gone = bool(folders) and any(name.startswith(folders) for name in self._known)
        if appeared or gone or any(os.path.basename(name) == RULES for name in told):
            return self._look()
        marks = {name: _mark(self.root / name) for name in told if name in self._known}
        found = {**self._known, **marks}
        return {name: mark for name, mark in found.items() if mark}

    def _look(self) -> dict[str, Mark]:
        uploaded = self._uploaded()
        settings = {str(path.relative_to(self.root)) for pattern in SETTINGS for path in self.root.glob(pattern)}
        self.aside = (self.aside | settings) - uploaded
        marks = ((name, _mark(self.root / name)) for name in uploaded | settings)
        return {name: mark for name, mark in marks if mark}

    def _uploaded(self) -> set[str]:
        for _ in range(LOOKS):
            with suppress(FileNotFoundError, NotADirectoryError):
                return set(upload.files(self.root, self._tracked))
        raise KraftwerkError(f"{self.root} can't be read: what is in it goes meanwhile")


def _mark(path: Path) -> Mark | None:
    try:
        status = path.lstat()
    except OSError:  # gone since it was listed
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
