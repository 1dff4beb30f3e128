"""What `init` is asked for, what can't be asked for, and the variables that templates get of it."""

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import NAME_LIMIT
from kraftwerk.paths import config_home, share
from kraftwerk.schema import suggestion

DATABASES = ("postgres", "mysql", "sqlite")  # the first of them is what DATABASE_URL leads to
SERVICES = (*DATABASES, "redis", "couchdb", "memcached", "files")
QUEUES = ("celery", "rq")  # packages that need redis; for kraftwerk they are processes, not services
PROJECT_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
PYTHON = re.compile(r"3(\.\d{1,2}){0,2}")
# Folders of the project and of its virtualenv, and the packages that templates install.
TAKEN = frozenset(
    {"bin", "lib", "lib64", "include", "share", "pillar", "salt", "uploads", "staticfiles", "documents", "manage"}
    | {"tests", "asgiref", "dj_database_url", "django", "gunicorn", "packaging", "psycopg", "psycopg_binary"}
    | {"kraftwerk", "sqlparse", "typing_extensions", "flask", "pyramid", "werkzeug", "jinja2", "click", "waitress"}
    | {"redis", "celery", "rq", "kombu", "pymemcache", "pymysql", "sqlalchemy", "webob", "zope", "pytest", "wheels"}
    | {"migrations", "alembic", "flask_migrate", "flask_wtf", "wtforms", "multipart", "httpx", "webtest", "django_rq"}
)


@dataclass(frozen=True)
class Choice:
    """What `init` was asked for.

    Attributes:
        name: the project's.
        template: a template's name, a folder, or the address of a git repository.
        wanted: what stood in --with: services, celery, rq.
        python: the version of Python in the virtualenv, here and on nodes; "" is the one at hand.
        data: answers to the template's questions, or variables for a template of one's own.
    """

    name: str
    template: str = "wsgi"
    wanted: tuple[str, ...] = ()
    python: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """Return the name of the project's Python package."""
        return self.name.replace("-", "_")

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services, with the one that a queue needs."""
        needed = ("redis",) if set(QUEUES) & set(self.wanted) else ()
        return tuple(dict.fromkeys(name for name in (*self.wanted, *needed) if name not in QUEUES))

    def variables(self) -> dict[str, Any]:
        """Return what a template's files and names may use, beside its questions."""
        chosen = {*self.services, *self.wanted}
        return {
            **{name: _value(text) for name, text in self.data.items()},
            **{name: name in chosen for name in sorted({*SERVICES, *QUEUES, *chosen})},
            "name": self.name,
            "package": self.package,
            "title": self.name.replace("-", " ").capitalize(),
            "template": self.template,
            "services": list(self.services),
            "database": next((name for name in DATABASES if name in self.services), ""),
            "django": self.template == "django",
            "python": self.python,
        }


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list as people write it: by commas, blanks or both, each once."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def _value(text: Any) -> Any:
    """Return what a word on the command line says: a number, yes or no, a list, else the word."""
    try:
        return yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError:
        return text


def known_services() -> list[str]:
    """Return the names of the services that there are states for, shipped ones and the admin's own."""
    trees = [share("salt"), config_home() / "salt"]
    return sorted({path.name for tree in trees for path in tree.glob("services/*/") if path.is_dir()})


def check(choice: Choice) -> None:
    """Check a project's name, its services and its Python.

    Raises:
        KraftwerkError: one of them can't be used (code 2); the message says why.
    """
    check_name(choice.name)
    known = [*known_services(), *QUEUES]
    for service in choice.wanted:
        if service not in known:
            near = suggestion(service, known) or f"; there are {', '.join(known)}"
            raise KraftwerkError(f"unknown service {service}{near}", code=2)
    if choice.python and not PYTHON.fullmatch(choice.python):
        raise KraftwerkError(f"--python {choice.python}: a version is wanted, such as 3.12", code=2)


def check_name(name: str) -> None:
    """Check a project's name.

    Raises:
        KraftwerkError: it can't be used (code 2); the message says why.
    """
    package = name.replace("-", "_")
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


def _bad_name(name: str, why: str) -> KraftwerkError:
    return KraftwerkError(f"{name!r} can't be a project's name: {why}", code=2)
