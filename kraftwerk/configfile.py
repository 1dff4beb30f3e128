"""A project's pillar file that is changed: read, tried out with all the other files, and replaced at once."""

from dataclasses import dataclass
from pathlib import Path

from kraftwerk import project, textfile
from kraftwerk.errors import KraftwerkError
from kraftwerk.project import Project
from kraftwerk.schema import shown

BASE = "base"


@dataclass(frozen=True)
class ConfigFile:
    """A file of the configuration, and what it said when it was read.

    Attributes:
        root: the project's root folder.
        name: base or the environment.
    """

    root: Path
    name: str
    text: str

    @property
    def path(self) -> Path:
        """Return the file's path."""
        return place(self.root, self.name)

    def tried(self, text: str) -> Project:
        """Return the project as it would be with another text in this file.

        Raises:
            KraftwerkError: it would have mistakes; all are named, with file, line and key (code 2).
        """
        found = project.parse(self.root, {self.path: text})
        if self.name != BASE:
            found.instance(self.name, "NODE")
        return found

    def write(self, text: str) -> None:
        """Replace the file, with the mode and owner that it has.

        Raises:
            KraftwerkError: somebody else changed it meanwhile.
        """
        if textfile.content(self.path) != self.text:
            raise KraftwerkError(f"{shown(self.path)} was changed meanwhile by somebody else", next_command="once more")
        textfile.replace(self.path, text)


def place(root: Path, name: str) -> Path:
    """Return the path of a pillar file of a project."""
    return root / "pillar" / f"{name}.sls"


def read(root: Path, base: bool, environment: str) -> ConfigFile:
    """Return a pillar file; one that isn't there is empty.

    Args:
        base: the one of all environments, instead of the environment's own.

    Raises:
        KraftwerkError: it can't be read (code 2).
    """
    name = BASE if base else environment
    return ConfigFile(root, name, textfile.content(place(root, name)))
