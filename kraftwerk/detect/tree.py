"""The files of a project: read and parsed once, by their paths from its root."""

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kraftwerk import upload

LARGEST = 1_000_000  # bytes: nobody writes settings that long, and generated tables are
# Folders whose Python isn't the application's.
ASIDE = {"tests", "test", "testing", "docs", "doc", "examples", "example", "samples", "benchmarks", "node_modules"}
ASIDE_FILE = re.compile(r"(test_.*|.*_test|conftest|tests|setup|noxfile|tasks|fabfile)\.py")


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file."""

    file: str
    line: int = 1

    def __str__(self) -> str:
        """Return it as messages name it: file:line."""
        return f"{self.file}:{self.line}"


@dataclass
class Tree:
    """A project's files.

    Attributes:
        root: its folder.
        files: what would be uploaded, sorted.
    """

    root: Path
    files: Sequence[str]
    _texts: dict[str, str] = field(default_factory=dict)
    _modules: dict[str, ast.Module | None] = field(default_factory=dict)

    def __contains__(self, file: str) -> bool:
        """Tell whether there is such a file."""
        return file in self._texts or (self.root / file).is_file()

    def text(self, file: str) -> str:
        """Return a file's text; empty where it is missing, too long, or no text."""
        if file not in self._texts:
            path = self.root / file
            try:
                fits = path.is_file() and path.stat().st_size <= LARGEST
                self._texts[file] = path.read_bytes().decode("utf-8-sig", errors="replace") if fits else ""
            except OSError:
                self._texts[file] = ""
        return self._texts[file]

    def module(self, file: str) -> ast.Module | None:
        """Return a Python file's syntax tree; None where it has none, for whatever Python it may be written."""
        if file not in self._modules:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # its escapes are its own business
                    self._modules[file] = ast.parse(self.text(file))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self._modules[file] = None
        return self._modules[file]

    def named(self, *names: str) -> list[str]:
        """Return the files of these names in any folder, the one nearest to the root first."""
        found = [file for file in self.files if posixpath.basename(file) in names]
        return sorted(found, key=lambda file: (is_aside(file), file.count("/"), file))

    def python(self, *words: str) -> Iterator[str]:
        """Yield the application's Python files with any of the words in them, the nearest first; not its tests."""
        found = [file for file in self.files if file.endswith(".py") and not self._is_aside(file)]
        for file in sorted(found, key=lambda file: (file.count("/"), file)):
            if any(word in self.text(file) for word in words):
                yield file

    def _is_aside(self, file: str) -> bool:
        """Tell whether a file isn't the application's; a package called example beside manage.py is."""
        above, _, rest = f"/{file}".partition("/example/")
        return is_aside(rest if rest and f"{above}/manage.py".lstrip("/") in self else file)

    def line(self, place: Place) -> str:
        """Return the line at a place."""
        return self.text(place.file).split("\n")[place.line - 1]

    def line_of(self, file: str, pattern: str) -> Place:
        """Return the first line that a pattern matches in; the first one where none does."""
        match = re.search(pattern, self.text(file), re.MULTILINE)
        return Place(file, self.text(file).count("\n", 0, match.start()) + 1 if match else 1)


def read(root: Path) -> Tree:
    """Return the files of a folder.

    Raises:
        KraftwerkError: there are none (code 2).
    """
    return Tree(root, upload.files(root))


def is_aside(file: str) -> bool:
    """Tell whether a file is a test, an example or documentation."""
    *folders, name = file.split("/")
    return bool(ASIDE.intersection(folders)) or bool(ASIDE_FILE.fullmatch(name))


def dotted(file: str, src: str) -> str:
    """Return the name that a file is imported by from a folder: src/a/b/__init__.py is a.b."""
    inside = file if src == "." else posixpath.relpath(file, src)
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def file_of(tree: Tree, module: str, src: str) -> str:
    """Return the file of a module that is imported from a folder; empty where there is none."""
    path = posixpath.normpath(posixpath.join(src, module.replace(".", "/")))
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if file in tree), "")


def import_root(tree: Tree, file: str) -> str:
    """Return the folder that a file's outermost package lies in, from where it is imported."""
    folder = posixpath.dirname(file)
    while folder and f"{folder}/__init__.py" in tree:
        folder = posixpath.dirname(folder)
    return folder or "."
