"""The settings of a Django project: assignments of its settings module, with those of the modules that it imports."""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kraftwerk.detect.evaluate import UNKNOWN, called, evaluate
from kraftwerk.detect.tree import Place, Tree, file_of
from kraftwerk.detect.variables import Variable, reads


@dataclass(frozen=True)
class Setting:
    """A setting as the last assignment says it.

    Attributes:
        value: what that comes to, UNKNOWN where only running it would tell.
        variables: reads of the environment in it.
    """

    name: str
    place: Place
    value: Any
    variables: tuple[Variable, ...]
    node: ast.expr


@dataclass
class Settings:
    """What a settings module and the modules that it imports everything from say.

    Attributes:
        files: those modules' files.
        found: settings by name.
        names: values of all names, for what refers to them.
    """

    module: str = ""
    files: list[str] = field(default_factory=list)
    found: dict[str, Setting] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    def value(self, name: str, default: Any = None) -> Any:
        """Return what a setting comes to."""
        return self.found[name].value if name in self.found else default

    def place(self, name: str) -> Place:
        """Return where a setting is assigned, or the settings' first line."""
        return self.found[name].place if name in self.found else Place(self.files[0] if self.files else "?")

    def is_read(self, name: str) -> bool:
        """Tell whether a setting follows the environment."""
        return name in self.found and bool(self.found[name].variables)


def read(tree: Tree, module: str, src: str) -> Settings:
    """Return the settings of a module."""
    settings = Settings(module)
    file = file_of(tree, module, src)
    if file:
        _take(tree, file, src, settings)
    return settings


def _take(tree: Tree, file: str, src: str, settings: Settings) -> None:
    """Add what a file says to settings; what it imports comes where the import stands."""
    parsed = tree.module(file)
    if file in settings.files or parsed is None:
        return
    settings.files.append(file)
    for statement in _statements(parsed.body):
        if isinstance(statement, ast.ImportFrom | ast.Expr):
            for other in _included(tree, file, src, statement):
                _take(tree, other, src, settings)
        elif isinstance(statement, ast.AugAssign):
            _extend(statement, file, settings)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            _assign(statement, file, settings)


def _assign(statement: ast.Assign | ast.AnnAssign, file: str, settings: Settings) -> None:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    if statement.value is None:
        return
    value = evaluate(statement.value, settings.names, file)
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):  # DATABASES["default"] = …
        known, key = settings.names.get(target.value.id), evaluate(target.slice, settings.names, file)
        if isinstance(known, dict) and isinstance(key, str):
            known[key] = value
        if target.value.id not in settings.found:
            return
        before = settings.found[target.value.id]
        variables = (*before.variables, *reads(statement.value, file, settings.names))
        place = Place(file, statement.lineno)
        settings.found[before.name] = Setting(before.name, place, before.value, variables, statement.value)
    elif isinstance(target, ast.Name):
        _set(target.id, statement.value, value, Place(file, statement.lineno), settings)


def _set(name: str, node: ast.expr, value: Any, place: Place, settings: Settings) -> None:
    variables = list(reads(node, place.file, settings.names))
    for each in ast.walk(node):  # SECRET_KEY = _key, which itself came from the environment
        if isinstance(each, ast.Name) and each.id in settings.found:
            variables += settings.found[each.id].variables
    settings.names[name] = value
    settings.found[name] = Setting(name, place, value, tuple(variables), node)


def _extend(statement: ast.AugAssign, file: str, settings: Settings) -> None:
    if isinstance(statement.target, ast.Name):
        known, more = settings.names.get(statement.target.id), evaluate(statement.value, settings.names, file)
        if isinstance(known, list):
            known.extend(more if isinstance(more, list) else [UNKNOWN])


def _statements(body: list[ast.stmt], depth: int = 0) -> Iterator[ast.stmt]:
    """Yield assignments, imports and calls, also those in branches; of a branch that never holds, none."""
    for each in body:
        if isinstance(each, ast.If):
            always = isinstance(each.test, ast.Constant) and each.test.value
            yield from _statements(each.orelse if not always else [], depth + 1)
            if not (called(each.test) in ("DEBUG", "TESTING", "TEST") or _is_debugging(each.test)):
                yield from _statements(each.body, depth + 1)
        elif isinstance(each, ast.Try):
            yield from _statements([*each.handlers[0].body, *each.body] if each.handlers else each.body, depth + 1)
        elif isinstance(each, ast.With):
            yield from _statements(each.body, depth + 1)
        elif isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.ImportFrom | ast.Expr):
            yield each


def _is_debugging(test: ast.expr) -> bool:
    """Tell whether a condition is for development alone, such as `DEBUG and …` or `"test" in sys.argv`."""
    text = ast.unparse(test)
    return bool(re.search(r"sys\.argv|^(settings\.)?(DEBUG|TESTING)\b", text))


def _included(tree: Tree, file: str, src: str, statement: ast.ImportFrom | ast.Expr) -> Iterator[str]:
    """Yield the files that everything is taken from: `from .base import *`, and split_settings' include()."""
    if isinstance(statement, ast.ImportFrom):
        if statement.names[0].name != "*":
            return
        module = statement.module or ""
        folder = posixpath.dirname(file)
        for _ in range(max(statement.level - 1, 0)):
            folder = posixpath.dirname(folder)
        found = file_of(tree, module, folder if statement.level else src)
        if found:
            yield found
    elif isinstance(statement.value, ast.Call) and called(statement.value.func) == "include":
        for argument in statement.value.args:
            given = evaluate(argument if not isinstance(argument, ast.Call) else argument.args[0], {}, file)
            if isinstance(given, str):
                pattern = posixpath.normpath(posixpath.join(posixpath.dirname(file), given))
                folder, _, name = pattern.rpartition("/")
                matcher = re.compile(re.escape(name).replace(r"\*", "[^/]*"))
                for other in tree.files:
                    if posixpath.dirname(other) == folder and matcher.fullmatch(posixpath.basename(other)):
                        yield other


def hard_coded(settings: Settings, name: str) -> bool:
    """Tell whether a setting is a text that stands in the code, and nothing else may change it."""
    return name in settings.found and settings.value(name) is not UNKNOWN and not settings.is_read(name)
