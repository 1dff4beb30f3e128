"""Templates of `kraftwerk init`: found in layers, later ones over earlier ones, and rendered with Jinja."""

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import jinja2

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import NAME_LIMIT
from kraftwerk.paths import PACKAGE, config_home

SHIPPED = PACKAGE / "templates"
SAMPLE = "kraftwerk.yaml"  # the one commented sample: init writes it, the docs show it, a test parses it
COMMON = "_project"  # what every template begins with
ENDING = ".jinja"
DOT = "dot-"
DATABASES = ("postgres", "mysql", "sqlite")  # the first of them is what DATABASE_URL leads to
PROJECT_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
# Folders of the project and of its virtualenv, and the packages that templates install.
TAKEN = frozenset(
    {"bin", "lib", "lib64", "include", "share", "pillar", "salt", "uploads", "staticfiles", "documents", "manage"}
    | {"tests", "asgiref", "dj_database_url", "django", "gunicorn", "packaging", "psycopg", "psycopg_binary"}
    | {"kraftwerk", "sqlparse", "typing_extensions"}
)


@dataclass(frozen=True)
class Choice:
    """What `init` was asked for: the project's name, its template and its services."""

    name: str
    template: str
    services: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        """Return the name of the project's Python package."""
        return self.name.replace("-", "_")

    def variables(self) -> dict[str, object]:
        """Return what a template's files and names may use."""
        django = self.template == "django"
        return {
            "name": self.name,
            "package": self.package,
            "template": self.template,
            "services": list(self.services),
            "django": django,
            "database": next((name for name in DATABASES if name in self.services), ""),
            "example": django and {"files", "postgres"} <= set(self.services),
        }


def check_choice(choice: Choice) -> None:
    """Check a project's name and its template.

    Raises:
        KraftwerkError: one of them can't be used (code 2); the message says why.
    """
    name, package = choice.name, choice.package
    if not PROJECT_NAME.fullmatch(name):
        raise _bad_name(name, "lower-case letters, digits and dashes, with a letter first, such as mysite")
    if len(name) > NAME_LIMIT:
        raise _bad_name(name, f"it has {len(name)} characters, and a system user's name leaves room for {NAME_LIMIT}")
    if keyword.iskeyword(package):
        raise _bad_name(name, "it is a keyword of Python")
    if package in sys.stdlib_module_names or package == "test":
        raise _bad_name(name, "Python has a module of that name")
    if package in TAKEN:
        raise _bad_name(name, "the project needs that name for something else")
    if choice.template not in names():
        raise KraftwerkError(f"no template {choice.template!r}; there are: {', '.join(names())}", code=2)


def _bad_name(name: str, why: str) -> KraftwerkError:
    return KraftwerkError(f"{name!r} can't be a project's name: {why}", code=2)


def names() -> list[str]:
    """Return the templates' names, shipped ones and the admin's own."""
    folders = [path for root in _roots() if root.is_dir() for path in root.iterdir() if path.is_dir()]
    return sorted({path.name for path in folders if path.name[0] not in "_." and "+" not in path.name})


def _roots() -> list[Path]:
    return [SHIPPED, config_home() / "templates"]


def layers(choice: Choice) -> list[str]:
    """Return the folders that make up a choice; `<template>+<service>+…` is one where all its services are chosen."""
    found = {path.name for root in _roots() for path in root.glob(f"{choice.template}+*") if path.is_dir()}
    fitting = [name for name in found if set(name.split("+")[1:]) <= set(choice.services)]
    return [COMMON, choice.template, *sorted(fitting, key=lambda name: (name.count("+"), name))]


def sources(choice: Choice) -> dict[str, Path]:
    """Return what is to be written: the path in the project, and the file that it comes from.

    A file of the admin's (config_home()/templates/<layer>/) replaces the shipped one of the same path, and all layers
    of the admin's come after the shipped ones. Names may hold variables; `dot-` at their beginning stands for a dot.
    """
    found = {SAMPLE: SHIPPED / SAMPLE}
    for root in _roots():
        for layer in layers(choice):
            for path in sorted((root / layer).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    found[_target(path.relative_to(root / layer), choice)] = path
    return dict(sorted(found.items()))


def _target(path: Path, choice: Choice) -> str:
    rendered = PurePosixPath(_render(path.as_posix(), choice, str(path)).removesuffix(ENDING))
    return str(PurePosixPath(*("." + part[len(DOT) :] if part.startswith(DOT) else part for part in rendered.parts)))


def write(choice: Choice, folder: Path) -> int:
    """Write the files of a choice into a folder; return how many.

    Files that end in .jinja are rendered and lose the ending, the others are copied as they are.

    Raises:
        KraftwerkError: a template is broken; its file and line are named.
    """
    files = sources(choice)
    for target, source in files.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ENDING or source == SHIPPED / SAMPLE:
            path.write_text(_render(source.read_text(), choice, str(source)))
        else:
            path.write_bytes(source.read_bytes())
        path.chmod(0o755 if target == "manage.py" else 0o644)
    return len(files)


def sample(choice: Choice) -> str:
    """Return the commented kraftwerk.yaml of a choice, as the documentation shows it."""
    return _render((SHIPPED / SAMPLE).read_text(), choice, str(SHIPPED / SAMPLE))


def _render(text: str, choice: Choice, source: str) -> str:
    environment = jinja2.Environment(  # noqa: S701 - it writes source code, not web pages
        loader=jinja2.FileSystemLoader([*reversed(_roots())]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        return environment.from_string(text).render(choice.variables())
    except jinja2.TemplateSyntaxError as error:
        raise KraftwerkError(f"{source}:{error.lineno}: {error.message}", code=2) from error
    except jinja2.TemplateError as error:
        raise KraftwerkError(f"{source}: {error.message}", code=2) from error
