"""The WSGI or ASGI callable of a project that isn't Django's: an object, or a function that makes one."""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kraftwerk.detect.evaluate import called
from kraftwerk.detect.tree import Place, Tree, dotted, import_root

# Classes whose objects are callables, by what they are imported from.
WSGI = {
    "flask": ("Flask",),
    "bottle": ("Bottle", "default_app", "app"),
    "falcon": ("App", "API"),
    "pyramid": ("make_wsgi_app",),
    "apiflask": ("APIFlask",),
    "flask_openapi3": ("OpenAPI",),
    "pecan": ("make_app", "Pecan"),
    "webpy": ("wsgifunc",),
    "hug": ("API",),
    "wheezy": ("WSGIApplication",),
    "cherrypy": ("Application",),
}
ASGI = {
    "fastapi": ("FastAPI",),
    "starlette": ("Starlette",),
    "quart": ("Quart",),
    "litestar": ("Litestar",),
    "starlite": ("Starlite",),
    "esmerald": ("Esmerald",),
    "blacksheep": ("Application",),
    "responder": ("API",),
    "falcon.asgi": ("App",),
    "asgineer": ("to_asgi",),
    "microdot.asgi": ("Microdot",),
    "connexion": ("AsyncApp", "FlaskApp", "App"),
}
SERVERS_OF_THEIR_OWN = {"aiohttp": "Application", "tornado": "Application", "sanic": "Sanic"}
FACTORY = re.compile(r"(create|make|build|get|init)_?(\w+_)?(app|application|wsgi|asgi|api|server)(_app)?|app_?factory")
ASIDE_STEMS = ("celery", "celery_app", "celery_worker", "worker", "tasks", "cli", "manage", "demo", "env", "dev")
NAMES = ("application", "app", "api", "server", "wsgi_app", "asgi_app", "wsgi", "asgi")
PLAIN = ("environ, start_response", "scope, receive, send")
STEMS = ("wsgi", "asgi", "app", "application", "main", "server", "web", "run", "__init__", "api", "factory")
WORDS = ("Flask", "FastAPI", "Starlette", "Quart", "Litestar", "Bottle", "bottle", "falcon", *PLAIN)


@dataclass(frozen=True)
class Callable:
    """Something that a server could call.

    Attributes:
        kind: wsgi or asgi.
        framework: what it is made by; empty for plain WSGI or ASGI.
        module, name: what gunicorn is told; the name of a function that makes one ends with ().
    """

    kind: str
    framework: str
    file: str
    module: str
    name: str
    place: Place
    reason: str
    rank: tuple[int, ...]

    @property
    def target(self) -> str:
        """Return it as kraftwerk.yaml has it."""
        return f"{self.module}:{self.name}"


def find(tree: Tree) -> list[Callable]:
    """Return what could be called, the likeliest first."""
    found: list[Callable] = []
    for file in tree.python(*WORDS, *_makers(), "application", "create_app", "make_app", "wsgi", "asgi"):
        if "template" not in posixpath.dirname(file) and posixpath.basename(file) != "bottle.py":  # carried along
            found += _in_file(tree, file)
    importable = (each for each in found if re.fullmatch(r"[A-Za-z_][\w.]*", each.module))
    return sorted((_offered(tree, each) for each in importable), key=lambda each: each.rank)


def _offered(tree: Tree, each: Callable) -> Callable:
    """Return a callable as its package offers it, where that imports it by name; such a one comes first."""
    package = f"{posixpath.dirname(each.file)}/__init__.py"
    module = tree.module(package) if package in tree and package != each.file else None
    for node in module.body if module else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if (
            isinstance(node, ast.ImportFrom)
            and {each.name, "*"} & {*names}
            and f"{node.module}".endswith(_stem(each.file))
        ):
            return replace(each, module=each.module.rpartition(".")[0], rank=(each.rank[0], 0, *each.rank[2:]))
    return each


def _stem(file: str) -> str:
    return posixpath.basename(file).removesuffix(".py")


def _makers() -> set[str]:
    return {name for names in (*WSGI.values(), *ASGI.values()) for name in names if len(name) > 3}


def _in_file(tree: Tree, file: str) -> Iterator[Callable]:
    module = tree.module(file)
    if module is None:
        return
    origins = _imports(module)
    made = _made_by_functions(tree, module, file, origins)
    yield from made
    for statement in _top(module.body):
        name, value = _assignment(statement)
        if not name or value is None:
            continue
        kind, framework = _maker(value, origins)
        factory = called(value.func) if isinstance(value, ast.Call) else ""
        told = name in NAMES or posixpath.basename(file) in ("wsgi.py", "asgi.py")
        if not kind and name == "application" and isinstance(value, ast.Call) and factory == "main":
            kind, framework = "wsgi", "pyramid"
        if not kind and told and FACTORY.fullmatch(factory.rpartition(".")[2]):
            kind, framework = _made_elsewhere(tree, file, factory, made)
        if kind:
            yield _callable(tree, file, kind, framework, name, statement.lineno, f"{framework or kind.upper()} object")
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [each.arg for each in statement.args.args]
            if arguments[:2] in (["environ", "start_response"], ["env", "start_response"], ["environ", "start_res"]):
                yield _callable(tree, file, "wsgi", "", statement.name, statement.lineno, "a plain WSGI callable")
            elif any(called(each).endswith(".to_asgi") for each in statement.decorator_list):
                yield _callable(tree, file, "asgi", "asgineer", statement.name, statement.lineno, "asgineer handler")
            elif arguments == ["scope", "receive", "send"]:
                yield _callable(tree, file, "asgi", "", statement.name, statement.lineno, "a plain ASGI callable")


def _made_elsewhere(tree: Tree, file: str, factory: str, made: list[Callable]) -> tuple[str, str]:
    """Return what a function makes that this file calls: one of its own, or what the project's imports say."""
    own = next((each for each in made if each.name.startswith(f"{factory}(")), None)
    if own:
        return own.kind, own.framework
    for other in tree.python(f"def {factory.rpartition('.')[2]}("):
        parsed = tree.module(other)
        for each in _made_by_functions(tree, parsed, other, _imports(parsed)) if parsed else ():
            if each.name.startswith(f"{factory.rpartition('.')[2]}("):
                return each.kind, each.framework
    return ("asgi", "") if "asgi" in posixpath.basename(file) else ("wsgi", "")


def _made_by_functions(tree: Tree, module: ast.Module, file: str, origins: dict[str, str]) -> list[Callable]:
    """Return the functions of a file that make a callable and can be called without arguments."""
    found = []
    for statement in module.body:
        if not isinstance(statement, ast.FunctionDef):
            continue
        if statement.returns is not None:
            kind, framework = _class(called(statement.returns), origins)
            if kind:
                name = f"{statement.name}({_missing(statement)})"
                found.append(
                    _callable(tree, file, kind, framework, name, statement.lineno, f"makes a {framework} object")
                )
                continue
        likely = bool(FACTORY.fullmatch(statement.name))
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call):
                continue
            kind, framework = _maker(node, origins)
            if kind and (likely or _returns(statement, node)):
                name = f"{statement.name}({_missing(statement)})"
                said = f"makes the {framework or kind.upper()} application"
                found.append(_callable(tree, file, kind, framework, name, statement.lineno, said))
                break
    return found


def _missing(function: ast.FunctionDef) -> str:
    """Return the names of the arguments that a function can't do without."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    needed = arguments[: len(arguments) - len(function.args.defaults)]
    return ", ".join(each.arg for each in needed)


def _returns(function: ast.FunctionDef, made: ast.Call) -> bool:
    """Tell whether a function returns what a call made: as it is, or by the name that it got."""
    names = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and node.value is made
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        value = node.value if isinstance(node, ast.Return) else None
        if value is not None and (value is made or (isinstance(value, ast.Name) and value.id in names)):
            return True
    return False


def _maker(value: ast.AST, origins: dict[str, str]) -> tuple[str, str]:
    """Return the kind and framework of what an expression makes; empty where it isn't a callable of a known one."""
    if not isinstance(value, ast.Call):
        return "", ""
    name = called(value.func)
    last = name.rpartition(".")[2]
    if last in ("make_wsgi_app", "wsgifunc"):
        return "wsgi", "pyramid" if last == "make_wsgi_app" else "webpy"
    return _class(name, origins)


def _class(name: str, origins: dict[str, str]) -> tuple[str, str]:
    """Return the kind and framework of a class by its name; one of the project's own may be named after its base."""
    last = name.rpartition(".")[2]
    origin = origins.get(name.split(".")[0], "")
    for kind, known in (("asgi", ASGI), ("wsgi", WSGI)):
        for framework, classes in known.items():
            if last in classes and re.search(rf"(^|\.){framework}(\.|_|$)", origin):
                if framework == "falcon" and "asgi" in name:
                    return "asgi", "falcon"
                return kind, framework.partition(".")[0]
    for kind, known in (("asgi", ASGI), ("wsgi", WSGI)):
        for framework, classes in known.items():
            for base in classes:
                if len(base) > 4 and last != base and last.endswith(base) and last[0].isupper() and base[0].isupper():
                    return kind, framework.partition(".")[0]
    return "", ""


def _imports(module: ast.Module) -> dict[str, str]:
    """Return which module each imported name comes from; also inside of functions."""
    found: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for each in node.names:
                found[(each.asname or each.name).split(".")[0]] = each.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for each in node.names:
                found[each.asname or each.name] = node.module or ""
    return found


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield what runs on import: also in try and if, but not below `if __name__ == "__main__"`."""
    for each in body:
        if isinstance(each, ast.If) and "__name__" not in ast.unparse(each.test):
            yield from _top([*each.body, *each.orelse])
        elif isinstance(each, ast.Try | ast.With):
            yield from _top(each.body)
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            yield each


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.AnnAssign):
        target: ast.expr = statement.target
    elif isinstance(statement, ast.Assign):
        target = statement.targets[0]
    else:
        return "", None
    return (target.id, statement.value) if isinstance(target, ast.Name) else ("", None)


def _callable(tree: Tree, file: str, kind: str, framework: str, name: str, line: int, reason: str) -> Callable:
    root = import_root(tree, file)
    stem = _stem(file)
    bare = name.partition("(")[0]
    rank = (
        int("(" in name and not name.endswith("()")),
        int(stem not in ("wsgi", "asgi")),
        int(stem in ASIDE_STEMS),
        int(not framework),
        file.count("/"),
        int(bare not in NAMES and not FACTORY.fullmatch(bare)),
        STEMS.index(stem) if stem in STEMS else len(STEMS),
        int(name.endswith(")")),
        NAMES.index(bare) if bare in NAMES else len(NAMES),
        line,
    )
    return Callable(kind, framework, file, dotted(file, root), name, Place(file, line), reason, rank)
