"""A project as a whole: what `adopt` knows of it."""

from pathlib import Path

from kraftwerk import requirements
from kraftwerk.detect import django, hints, otherwise, packages, queues
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.tree import Place, Tree, read
from kraftwerk.errors import KraftwerkError


def detect(root: Path) -> Detection:
    """Return what a project is, by its files alone.

    Args:
        root: the project's folder.

    Raises:
        KraftwerkError: it has no files (code 2).
    """
    tree = read(root)
    known, found = packages.read(tree), Detection()
    told = hints.detect(tree, found)
    if not django.detect(tree, known, found):
        otherwise.detect(tree, known, found, told)
    queues.detect(tree, known, found)
    _requirements(tree, root, found)
    _pair(found)
    return found


def _requirements(tree: Tree, root: Path, found: Detection) -> None:
    """Note the files that say what is installed, or that none is known."""
    try:
        known = requirements.find(root)
    except KraftwerkError as error:
        return found.beware(error.cause, error.next_command)
    found.lock = known.kind
    if not known.kind:
        text = "nothing says what it requires: neither requirements.txt nor pyproject.toml"
        found.beware(text, "a requirements.txt", Place("."))
    return None


def _pair(found: Detection) -> None:
    """Warn of SQLite where several nodes would each have their own."""
    service = found.services.get("sqlite")
    if service:
        text = "SQLite is a file on one node: several nodes would each have their own"
        found.beware(text, "postgres, once there is more than one", service.place)
