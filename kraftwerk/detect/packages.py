"""What a project requires and is called, as its packaging files say: names only, from whichever of them there are."""

import configparser
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from kraftwerk.detect.tree import Place, Tree, is_aside
from kraftwerk.requirements_text import normal

NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?\s*($|[=<>!~;@,#(])")
LINES = re.compile(r"(^|/)requirements[^/]*(/[^/]+)?\.(txt|in)$")


@dataclass
class Packages:
    """What is known of a project's packages.

    Attributes:
        required: where each is required, by normalized name.
        name: what the project itself is called; empty where it is no package.
        scripts: the functions that its commands call, by the commands' names.
        extras: where each package of an extra is required, by the extra's name and its own.
    """

    required: dict[str, Place] = field(default_factory=dict)
    name: str = ""
    scripts: dict[str, str] = field(default_factory=dict)
    extras: dict[tuple[str, str], Place] = field(default_factory=dict)

    def any_of(self, *names: str) -> str:
        """Return the first of some packages that is required; empty where none is."""
        return next((name for name in names if name in self.required), "")

    def place(self, name: str) -> Place | None:
        """Return where a package is required."""
        return self.required.get(name)


def read(tree: Tree) -> Packages:
    """Return what a project's packaging files say; extras don't count."""
    found = Packages()
    for file in [file for file in tree.files if LINES.search(file) and file.count("/") < 3 and not is_aside(file)]:
        for number, line in enumerate(tree.text(file).splitlines(), 1):
            if match := NAME.match(line):
                found.required.setdefault(normal(match[1]), Place(file, number))
    _pyproject(tree, found)
    _pipfile(tree, found)
    _setup(tree, found)
    return found


def toml(tree: Tree, file: str) -> dict[str, Any]:
    """Return a TOML file's content; empty where it is missing or broken."""
    try:
        return tomllib.loads(tree.text(file))
    except tomllib.TOMLDecodeError:
        return {}


def _pyproject(tree: Tree, found: Packages) -> None:
    content = toml(tree, "pyproject.toml")
    project, poetry = content.get("project", {}), content.get("tool", {}).get("poetry", {})
    names = [match[1] for line in project.get("dependencies", []) if (match := NAME.match(str(line)))]
    optional = {name for name, each in poetry.get("dependencies", {}).items() if _optional(each)}
    for name in [*names, *(name for name in poetry.get("dependencies", {}) if name not in optional)]:
        found.required.setdefault(normal(name), tree.line_of("pyproject.toml", rf"(?i)[\"']?{re.escape(name)}\b"))
    for extra, lines in project.get("optional-dependencies", {}).items():
        _extra(tree, "pyproject.toml", extra, lines, found)
    for extra, lines in poetry.get("extras", {}).items():
        _extra(tree, "pyproject.toml", extra, lines, found)
    found.name = str(project.get("name") or poetry.get("name") or "")
    found.scripts |= {**poetry.get("scripts", {}), **project.get("scripts", {})}


def _extra(tree: Tree, file: str, extra: str, lines: list[str], found: Packages) -> None:
    for line in lines:
        if match := NAME.match(str(line)):
            place = tree.line_of(file, rf"(?i){re.escape(match[1])}\b")
            found.extras.setdefault((extra, normal(match[1])), place)


def _pipfile(tree: Tree, found: Packages) -> None:
    for name in toml(tree, "Pipfile").get("packages", {}):
        found.required.setdefault(normal(name), tree.line_of("Pipfile", rf"(?m)^[\"']?{re.escape(name)}\b"))


def _setup(tree: Tree, found: Packages) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(tree.text("setup.cfg"))
    except configparser.Error:
        return
    if parser.has_option("metadata", "name"):
        found.name = found.name or parser.get("metadata", "name")
    for line in parser.get("options", "install_requires", fallback="").splitlines():
        if match := NAME.match(line):
            found.required.setdefault(normal(match[1]), tree.line_of("setup.cfg", rf"^\s+{re.escape(match[1])}\b"))
    if parser.has_section("options.extras_require"):
        for extra, text in parser.items("options.extras_require"):
            _extra(tree, "setup.cfg", extra, text.splitlines(), found)
    for each in re.finditer(r"[\"']([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*(?:[=<>!~][^\"']*)?[\"']", _requires(tree)):
        found.required.setdefault(normal(each[1]), tree.line_of("setup.py", re.escape(each[0])))
    named = re.search(r"\bname\s*=\s*[\"']([^\"']+)[\"']", tree.text("setup.py"))
    found.name = found.name or (named[1] if named else "")


def _requires(tree: Tree) -> str:
    """Return the parts of a setup.py that list requirements."""
    return "\n".join(re.findall(r"(?s)requires?\w*[\"']?\s*[=:]\s*\[(.*?)\]", tree.text("setup.py")))


def _optional(version: Any) -> bool:
    """Tell whether a dependency of Poetry's is part of an extra."""
    return isinstance(version, dict) and bool(version.get("optional"))
