"""Pushes that were accepted and are not deployed yet: one for each environment of a project, the newest."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kraftwerk import flock
from kraftwerk.paths import private, reactor_home, write_atomic


@dataclass(frozen=True)
class Push:
    """A commit that was pushed to a branch, to be deployed.

    Attributes:
        delivery: the sender's name for the request, for people to find it again.
        received: when it arrived, in seconds since 1970; the later one of two wins.
        test: only tell what would happen.
    """

    project: str
    branch: str
    commit: str
    environment: str
    delivery: str = ""
    received: float = 0.0
    test: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the push as an event carries it."""
        return {key: value for key, value in asdict(self).items() if key != "test" or value}


def note(push: Push) -> None:
    """Write down a push, unless a later one is known for this environment."""
    with _held(push.project):
        path = _file(push.project, push.environment)
        before = _read(path)
        if before is None or before.received <= push.received:
            write_atomic(path, json.dumps(push.as_dict()))


def finish(push: Push) -> None:
    """Forget a push that is done with; one that came meanwhile stays."""
    with _held(push.project):
        path = _file(push.project, push.environment)
        if _read(path) == push:
            path.unlink()


def pending(project: str = "*") -> list[Push]:
    """Return what is not done yet, in the order in which it arrived."""
    found = (_read(path) for path in _folder().glob(f"{project}/*.json"))
    return sorted(filter(None, found), key=lambda push: push.received)


def at_work(project: str) -> Path:
    """Return the file whose lock is held while a project's pushes are deployed."""
    return private(_folder() / project) / ".working"


def _folder() -> Path:
    return reactor_home() / "pushes"


def _file(project: str, environment: str) -> Path:
    return _folder() / project / f"{environment}.json"


def _read(path: Path) -> Push | None:
    """Return the push of a file; None where there is none, or none that can be read: the power may have failed."""
    try:
        return Push(**json.loads(path.read_text()))
    except (FileNotFoundError, TypeError, ValueError):
        return None


@contextmanager
def _held(project: str) -> Iterator[None]:
    folder = private(_folder() / project)
    with flock.held(folder / ".lock", busy=f"another process holds {folder}"):
        yield
