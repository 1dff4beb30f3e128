"""What every tool can be asked, and how it is asked by default."""

from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.lab import Lab
from tests.benchmarks.work import Work


class Peer:
    """A tool in a lab."""

    name = ""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.folder / self.name
        self.folder.mkdir(exist_ok=True)

    def prepare(self, works: Sequence[Work]) -> None:
        """Write its configuration, and works in its language."""

    def one_off(self, nodes: Sequence[str], words: Sequence[str]) -> list[str]:
        """Return the command that runs a program on nodes, on all at once if the tool can."""
        raise NotImplementedError

    def converge(self, nodes: Sequence[str], work: Work) -> list[str]:
        """Return the command that does a work on nodes, on all at once if the tool can."""
        raise NotImplementedError

    def version(self) -> str:
        """Return its version."""
        raise NotImplementedError

    def no_op(self, output: str, nodes: Sequence[str]) -> bool:
        """Tell by what it printed whether it found nothing to change on all of the nodes."""
        raise NotImplementedError

    def write(self, name: str, text: str) -> Path:
        """Write a file of its configuration."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


Peers = dict[str, Peer]  # by their names
