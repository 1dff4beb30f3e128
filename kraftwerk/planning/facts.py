"""What a node says of a deploy that has not begun, in one round trip."""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from kraftwerk import release as releases
from kraftwerk.instance import Instance
from kraftwerk.release import History, Release
from kraftwerk.remote import program
from kraftwerk.transport import Connection


@dataclass(frozen=True)
class Files:
    """The files by which a release differs from the live one."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass(frozen=True)
class Facts:
    """What a node said.

    Attributes:
        files: None where nothing is live.
        packages: what the virtualenv holds that the release needs, by name; None where it must be made first.
    """

    files: Files | None = None
    packages: Mapping[str, str] | None = None


def ask(
    connection: Connection, instance: Instance, history: History, release: Release, hashes: Mapping[str, str]
) -> Facts:
    """Ask a node.

    Args:
        hashes: of the files that will be sent, by path (content.hashes).

    Raises:
        KraftwerkError: it can't be reached.
    """
    live = str(instance.release_folder(history.live)) if history.live else ""
    static = [posixpath.normpath(posixpath.join(instance.src, folder)) for folder in instance.static.values()]
    words = [live, str(instance.root / "venvs" / release.virtualenv), *static]
    command = ["python3", "-ISc", program("planned"), *words]
    found = json.loads(connection.run(command, input=json.dumps(hashes).encode()).stdout)
    files, packages = found["files"], found["packages"]
    return Facts(
        files=None if files is None else Files(**{kind: tuple(names) for kind, names in files.items()}),
        packages=None if packages is None else dict(map(releases.package, packages)),
    )
