"""Which code a deploy would bring: commits and files since the live release, and what others can't see of it yet."""

import re
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.planning.facts import Files
from kraftwerk.upload import Source

COMMIT = re.compile(r"[0-9a-f]{7,64}")  # a node says it, and git takes words of other shapes for options


@dataclass(frozen=True)
class Code:
    """What is new of the code.

    Attributes:
        commits: since the live release's, the last one first, as `3f2a1c9b The till rings`; None where git doesn't
            tell: there is none, or it doesn't know the live release's commit.
        lost: how many commits of the live release aren't part of it.
        files: by which files it differs from the live release; None where nothing is live.
        count: how many files are sent in all.
        dirty: files differ from the last commit.
        unpushed: commits that are on no remote, where there is a remote.
    """

    commits: tuple[str, ...] | None = None
    lost: int = 0
    files: Files | None = None
    count: int = 0
    dirty: bool = False
    unpushed: int = 0

    def words(self) -> list[str]:
        """Return it in parts of a line."""
        return [*self._commits(), self._files(), *self.doubts()]

    def doubts(self) -> list[str]:
        """Return what a colleague wouldn't get by the same command."""
        pushed = f"{_many(self.unpushed, 'commit')} not pushed" if self.unpushed else ""
        return list(filter(None, [pushed, "uncommitted changes" if self.dirty else ""]))

    def _commits(self) -> list[str]:
        more = _many(len(self.commits), "commit") if self.commits else ""
        less = f"without {_many(self.lost, 'commit')} of the live release" if self.lost else ""
        return list(filter(None, [more, less]))

    def _files(self) -> str:
        if self.files is None:
            return _many(self.count, "file")
        kinds = {"changed": self.files.changed, "added": self.files.added, "removed": self.files.removed}
        told = [f"{_many(len(names), 'file')} {kind}" for kind, names in kinds.items() if names]
        return ", ".join(told) or "no file differs"


def find(root: Path, source: Source, live_commit: str, files: Files | None, count: int) -> Code:
    """Return what is new of a project's code.

    Args:
        root: the project's folder.
        source: what git says of it.
        live_commit: the live release's; empty where it had none.
        files, count: as `Code` has them.
    """
    if not source.commit:
        return Code(files=files, count=count, dirty=source.dirty)
    commits, lost = _since(root, live_commit) if COMMIT.fullmatch(live_commit) else (None, 0)
    return Code(commits, lost, files, count, source.dirty, _unpushed(root))


def _since(root: Path, commit: str) -> tuple[tuple[str, ...] | None, int]:
    """Return the commits since one, and how many that one has that aren't ours; None if git doesn't know it."""
    new = _git(root, "log", "--format=%h %s", "--abbrev=8", f"{commit}..HEAD", "--", ".")
    if new is None:
        return None, 0
    return tuple(new.splitlines()), int(_git(root, "rev-list", "--count", f"HEAD..{commit}", "--", ".") or 0)


def _unpushed(root: Path) -> int:
    if not _git(root, "remote"):
        return 0
    return int(_git(root, "rev-list", "--count", "HEAD", "--not", "--remotes") or 0)


def _git(root: Path, *words: str) -> str | None:
    """Return what git prints, or None where it refuses."""
    try:
        done = process.run(argv.git(root, *words), check=False)
    except KraftwerkError:  # git itself is not installed
        return None
    return None if done.returncode else done.stdout.decode(errors="replace").strip()


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
