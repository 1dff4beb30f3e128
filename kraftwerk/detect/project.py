"""A project as a whole: what `adopt` knows of it."""

import posixpath
import re
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from kraftwerk import requirements
from kraftwerk.detect import django, hints, otherwise, packages, queues
from kraftwerk.detect.djangosettings import DRIVERS
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.tree import Place, Tree, is_aside, read
from kraftwerk.errors import KraftwerkError

DEBIANS = {"Debian 12": "3.11.2", "Debian 13": "3.13.5"}


def detect(root: Path, told: str = "") -> Detection:
    """Return what a project is, by its files alone.

    Args:
        root: the project's folder.
        told: its callable, where somebody says it.

    Raises:
        KraftwerkError: it has no files (code 2).
    """
    tree = read(root)
    known, found = packages.read(tree), Detection()
    hinted, kind = hints.detect(tree, found)
    if not django.detect(tree, known, found):
        otherwise.detect(tree, known, found, told or hinted, kind)
        _foreign_manage(tree, found)
    queues.detect(tree, known, found)
    _requirements(tree, root, found)
    _install(tree, known, found)
    _extras(known, found)
    _databases(known, found)
    return found


def _foreign_manage(tree: Tree, found: Detection) -> None:
    """Note that nothing is run before a release: a manage.py would be taken for Django's, which this one isn't."""
    manage = posixpath.normpath(posixpath.join(found.src, "manage.py"))
    if manage in tree:
        found.note("release", [], "manage.py isn't Django's here", Place(manage))


def _requirements(tree: Tree, root: Path, found: Detection) -> None:
    """Note the files that say what is installed, or that none is known."""
    try:
        known = requirements.find(root)
    except KraftwerkError as error:
        return found.beware(error.cause, error.next_command)
    found.lock = known.kind
    if wanted := python_wanted(tree):
        old = [name for name, version in DEBIANS.items() if not SpecifierSet(wanted[0]).contains(version)]
        if old:
            mend = 'another release of Debian, or python: "3.N" in kraftwerk.yaml'
            others = f"{' and '.join(old)} {'has' if len(old) == 1 else 'have'} another one"
            found.beware(f"it wants Python {wanted[0]}: {others}", mend, wanted[1])
    if not known.kind:
        text = "nothing says what it requires: neither requirements.txt nor pyproject.toml"
        found.beware(text, "a requirements.txt", Place("."))
    return None


def python_wanted(tree: Tree) -> tuple[str, Place] | None:
    """Return the versions of Python that a project says it runs on, with where it says it."""
    project = packages.toml(tree, "pyproject.toml").get("project", {})
    wanted = str(project.get("requires-python", ""))
    try:
        SpecifierSet(wanted)
    except InvalidSpecifier:
        return None
    return (wanted, tree.line_of("pyproject.toml", "requires-python")) if wanted else None


def _install(tree: Tree, known: Packages, found: Detection) -> None:
    """Note that the project itself must be installed: its source imports a package that lies elsewhere in it."""
    packaged = known.name and any(name in tree for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    if not packaged or found.value("install"):
        return
    inside = [file for file in tree.files if file.startswith(f"{found.src}/")] if found.src != "." else []
    elsewhere = {
        folder
        for file in tree.files
        if file.endswith("/__init__.py") and file not in inside and not is_aside(file)
        for folder in [file.removeprefix("src/").split("/")[0]]
        if file.removeprefix("src/").count("/") == 1
    }
    for file in inside:
        for name in elsewhere if file.endswith(".py") else ():
            pattern = rf"^\s*(from|import) {name}\b|[\"']{name}(\.[\w.]+)?[\"']"
            if re.search(pattern, tree.text(file), re.MULTILINE):
                reason = f"the project itself is a package, and {found.src} imports {name}"
                return found.note("install", True, reason, tree.line_of(file, pattern))
    own = rf"(version|distribution|metadata|get_distribution|require)\(\s*[\"']{re.escape(known.name)}[\"']"
    for file in tree.python("importlib.metadata", "importlib_metadata", "pkg_resources"):
        if re.search(own, tree.text(file)):
            return found.note("install", True, "it asks for its own version", tree.line_of(file, own))
    return None


def _extras(known: Packages, found: Detection) -> None:
    """Note the extras that bring the framework, or the database's driver, where nothing else does."""
    wanted = [(found.framework,), *(drivers for name, drivers in DRIVERS.items() if name in found.services)]
    needed: dict[str, tuple[str, Place]] = {}
    for names in wanted:
        if not known.any_of(*names):
            for (extra, package), place in known.extras.items():
                if package in names:
                    needed.setdefault(extra, (package, place))
                    break
    if needed:
        package, place = next(iter(needed.values()))
        found.note("extras", list(needed), f"{package} comes by an extra", place)


def _databases(known: Packages, found: Detection) -> None:
    """Warn of a database without a driver, and of SQLite where several nodes would each have their own."""
    for name, drivers in DRIVERS.items():
        extra = any(package in drivers for _, package in known.extras)
        if name in found.services and not extra and not known.any_of(*drivers):
            mend = f"{drivers[0]} in its requirements, or an extra that brings one: --set extras=NAME"
            found.beware(f"no driver of {name} is required", mend, found.services[name].place)
    service = found.services.get("sqlite")
    if service:
        text = "SQLite is a file on one node: several nodes would each have their own"
        found.beware(text, "postgres, once there is more than one", service.place)
