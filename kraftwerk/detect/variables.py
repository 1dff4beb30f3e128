"""Environment variables that a project's code reads: by os, django-environ, environs, decouple, dj-database-url."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kraftwerk.detect.evaluate import UNKNOWN, Names, called, evaluate, keyword
from kraftwerk.detect.tree import Place, Tree

GETTERS = ("environ.get", "getenv", "environ.setdefault", "environ.pop")
READERS = ("env", "config", "environ", "get_env", "ENV", "Env")  # names that a reader's instance mostly has
URLS = {"db": "DATABASE_URL", "db_url": "DATABASE_URL", "dj_db_url": "DATABASE_URL", "cache": "CACHE_URL"}
KINDS = {"bool": "bool", "list": "list", "tuple": "list", "Csv": "list", "json": "json", **dict.fromkeys(URLS, "url")}
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
NOT_READING = ("read_env", "read_envfile", "prefixed", "setdefault", "from_object", "from_pyfile", "update")
WORDS = ("environ", "getenv", "decouple", "dj_database_url", "env(", "env.", "BaseSettings", "starlette.config")


@dataclass(frozen=True)
class Variable:
    """A read of the environment.

    Attributes:
        name: the variable's.
        place: where it is read.
        default: what holds where it isn't set, as far as that is written there.
        required: nothing works without it.
        kind: bool, list, url, or "" for a text.
    """

    name: str
    place: Place
    default: Any = UNKNOWN
    required: bool = False
    kind: str = ""


def find(tree: Tree) -> dict[str, list[Variable]]:
    """Return the variables that the application's files read, by name; settings by pydantic's classes, too."""
    found: dict[str, list[Variable]] = {}
    for file in tree.python(*WORDS):
        module = tree.module(file)
        for each in reads(module, file) if module else ():
            found.setdefault(each.name, []).append(each)
    return found


def reads(node: ast.AST, file: str, names: Names | None = None) -> Iterator[Variable]:
    """Yield the reads of the environment in a piece of code."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call | ast.Subscript | ast.Compare):
            if variable := read_of(each, names or {}, file):
                yield variable
        elif isinstance(each, ast.ClassDef):
            yield from _settings_class(each, file)


def read_of(node: ast.expr, names: Names, file: str) -> Variable | None:
    """Return the read that an expression is, if it is one."""
    place = Place(file, node.lineno)
    if isinstance(node, ast.Subscript):
        name = evaluate(node.slice, {}, file) if called(node.value).endswith("environ") else None
        written = isinstance(node.ctx, ast.Store | ast.Del)
        return Variable(name, place, required=True) if isinstance(name, str) and not written else None
    if isinstance(node, ast.Compare):  # "DEBUG" in os.environ
        name = evaluate(node.left, {}, file) if called(node.comparators[0]).endswith("environ") else None
        return Variable(name, place, default=False, kind="set") if isinstance(name, str) else None
    if not isinstance(node, ast.Call):
        return None
    function, (before, _, last) = called(node.func), called(node.func).rpartition(".")
    given = evaluate(node.args[0], names, file) if node.args else None
    if function.endswith(GETTERS):
        default = evaluate(node.args[1], names, file) if len(node.args) > 1 else None
        return Variable(given, place, default) if isinstance(given, str) else None
    if function.endswith(("dj_database_url.config", "db_url.config")):
        name = evaluate(keyword(node, "env"), names, file) if keyword(node, "env") else given
        default = evaluate(keyword(node, "default"), names, file)
        return Variable(name if isinstance(name, str) else "DATABASE_URL", place, default, kind="url")
    if function in READERS or before.rpartition(".")[2] in ("env", "ENV", "environ"):
        return _by_reader(node, given, last, place, names)
    return None


def _by_reader(node: ast.Call, given: Any, method: str, place: Place, names: Names) -> Variable | None:
    """Return the read by a reader's instance: env("X"), env.bool("X", default=False), config("X", cast=bool)."""
    name = given if isinstance(given, str) else URLS.get(method) if not node.args else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return None
    if method in NOT_READING:
        return None
    cast = keyword(node, "cast")
    kind = KINDS.get(method) or KINDS.get(called(cast.func if isinstance(cast, ast.Call) else cast) if cast else "", "")
    default = keyword(node, "default") or (node.args[1] if len(node.args) > 1 else None)
    known = evaluate(default, names, place.file) if default else UNKNOWN
    return Variable(name, place, known, required=default is None, kind=kind)


def _settings_class(node: ast.ClassDef, file: str) -> Iterator[Variable]:
    """Yield the variables that a class of pydantic's settings reads."""
    if not any(called(base).endswith("BaseSettings") for base in node.bases):
        return
    prefix = ""
    for each in ast.walk(node):
        if isinstance(each, ast.keyword) and each.arg == "env_prefix":
            prefix = str(evaluate(each.value, {}, file))
        if isinstance(each, ast.Assign) and getattr(each.targets[0], "id", "") == "env_prefix":
            prefix = str(evaluate(each.value, {}, file))
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            kind = {"bool": "bool", "list": "json"}.get(called(each.annotation).lower(), "")
            default = evaluate(each.value, {}, file) if each.value else UNKNOWN
            name = f"{prefix}{each.target.id}".upper()
            yield Variable(name, Place(file, each.lineno), default, required=each.value is None, kind=kind)
