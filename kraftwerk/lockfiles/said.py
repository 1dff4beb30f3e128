"""What a project's files say that must be installed, whatever kind they are."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Choice:
    """Which optional parts are wanted."""

    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What is said.

    Attributes:
        kind: the file that says it, such as uv.lock; "" where a project names nothing.
        files: all files read, relative to the project; with those that -r and -c pull in.
        content: what of them decides on the virtualenv; comments and tools' settings don't.
        names: the packages named by the project itself, normalized.
        local: requirements that are folders of the release (`-e .`): such a virtualenv can't outlive its release.
        pinned: all packages of a lock.
        reads: the files that uv reads by itself.
        text: what uv reads from its stdin instead, made of a file that it doesn't know.
        lines: the requirements as lines of a requirements.txt, without hashes, as far as no build is needed to tell.
        python: the versions of Python that it asks for, such as `>=3.12`.
    """

    kind: str = ""
    files: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    local: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()
    reads: tuple[str, ...] = ()
    text: str = field(default="", repr=False)
    lines: tuple[str, ...] = ()
    python: str = ""


@dataclass(frozen=True)
class Source:
    """Where something may be said: a folder, and files in it."""

    root: Path
    kind: str
    files: tuple[str, ...]
    choice: Choice = field(default_factory=Choice)
