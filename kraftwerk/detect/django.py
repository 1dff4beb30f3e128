"""A Django project: where it lies, its settings module, its WSGI or ASGI callable, and what its settings say."""

import ast
import posixpath
import re
from dataclasses import replace

from kraftwerk.detect import overlay, routes
from kraftwerk.detect import settings as settings_of
from kraftwerk.detect.djangosettings import collects, look
from kraftwerk.detect.evaluate import called, evaluate
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.settings import Settings
from kraftwerk.detect.tree import Place, Tree, dotted, file_of, import_root, is_aside

VARIABLE = "DJANGO_SETTINGS_MODULE"
FOR_SERVERS = ("production", "prod", "deploy", "deployment", "live", "docker")  # what split settings call them
FOR_US = re.compile(r"(^|[._])(dev|devel|development|local|test|tests|testing|debug|ci)($|[._])")


def detect(tree: Tree, packages: Packages, found: Detection) -> bool:
    """Note what a Django project needs; return whether this is one."""
    manage = _manage(tree)
    served = _served(tree)
    if not manage and not served:
        return False
    found.framework = "django"
    src = _source(tree, manage, served)
    if src != ".":
        found.note("src", src, "the source", Place(manage or next(iter(served.values()))[0]))
        found.layout = "src" if src == "src" else f"{src}/"
    module, where = _settings_module(tree, src, manage, served)
    if not module:
        mend = "--set environ.DJANGO_SETTINGS_MODULE=MODULE"
        found.beware("the settings module isn't known", mend, Place(manage) if manage else None)
        return True
    settings = settings_of.read(tree, module, src)
    _callable(tree, src, settings, served, packages, found)
    lines = look(tree, settings, src, packages, found)
    _release(manage, src, collects(settings), found)
    _environment(tree, src, module, where, settings, lines, served, found)
    if health := routes.django(tree, settings, src):
        found.note("health", health.path, health.reason, health.place)
    return True


def _manage(tree: Tree) -> str:
    """Return the project's manage.py; those of templates and examples only where there is no other."""
    known = [file for file in tree.named("manage.py") if "django" in tree.text(file).lower() or "/" not in file]
    known = known if any("django" in tree.text(file).lower() for file in tree.named("manage.py", "wsgi.py")) else []
    return next((file for file in known if not re.search(r"template", file)), "")


def _source(tree: Tree, manage: str, served: dict[str, tuple[str, str]]) -> str:
    """Return the folder that the settings are imported from: manage.py's, or one above it."""
    files = [file for file in (manage, *(file for file, _ in served.values())) if file]
    named = [module for file in files for module, _ in _named(tree, file)]
    folder = posixpath.dirname(manage) if manage else import_root(tree, files[0]).lstrip(".")
    while True:
        if any(file_of(tree, module, folder or ".") for module in named):
            return folder or "."
        if not folder:
            return import_root(tree, files[0])
        folder = posixpath.dirname(folder)


def _served(tree: Tree) -> dict[str, tuple[str, str]]:
    """Return the files that make a callable, by wsgi and asgi: the file and the callable's name."""
    found: dict[str, tuple[str, str]] = {}
    for kind in ("wsgi", "asgi"):
        for file in tree.python(f"get_{kind}_application", f"{kind}_application"):
            name = _assigned(tree, file, kind)
            if name and "template" not in file and (kind not in found or file.endswith(f"{kind}.py")):
                if kind in found and found[kind][0].endswith(f"{kind}.py"):
                    continue
                found[kind] = (file, name)
    return found


def _assigned(tree: Tree, file: str, kind: str) -> str:
    """Return the name that the callable gets in a file; the last one, as wrappers of it come later."""
    names = [
        target.id
        for statement in getattr(tree.module(file), "body", [])
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        for target in statement.targets
        if isinstance(target, ast.Name)
        if f"get_{kind}_application" in ast.unparse(statement) or target.id in ("application", "app")
    ]
    made = {each.name for each in getattr(tree.module(file), "body", []) if isinstance(each, ast.FunctionDef)}
    return "application" if "application" in {*names, *made} else (names or [""])[-1]


def _settings_module(tree: Tree, src: str, manage: str, served: dict[str, tuple[str, str]]) -> tuple[str, Place]:
    """Return the settings module for servers, and where it is named.

    What wsgi.py names counts before manage.py, and a sibling called production before both where those are for us.
    """
    files = [file for file, _ in served.values()] + ([manage] if manage else [])
    named = [each for file in files for each in _named(tree, file)]
    for module, place in named:
        if file_of(tree, module, src) and not FOR_US.search(module.rpartition(".")[2]):
            return _sibling(tree, src, module, place) if module.endswith(".base") else (module, place)
    for module, place in named:
        if file_of(tree, module, src):
            return _sibling(tree, src, module, place)
    return _guessed(tree, src)


def _named(tree: Tree, file: str) -> list[tuple[str, Place]]:
    """Return the settings modules that a file puts into the environment."""
    found = []
    for node in ast.walk(tree.module(file) or ast.Module([], [])):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and called(node.func).endswith("setdefault"):
            values = node.args
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            values = [node.targets[0].slice, node.value]
        if len(values) == 2 and isinstance(node, ast.Call | ast.Assign) and evaluate(values[0], {}, file) == VARIABLE:
            value = evaluate(values[1], {}, file)
            if isinstance(value, str):
                found.append((value, Place(file, node.lineno)))
    return found


def _sibling(tree: Tree, src: str, module: str, place: Place) -> tuple[str, Place]:
    parent = module.rpartition(".")[0]
    for name in FOR_SERVERS:
        if file := file_of(tree, f"{parent}.{name}" if parent else name, src):
            return f"{parent}.{name}" if parent else name, Place(file)
    return module, place


def _guessed(tree: Tree, src: str) -> tuple[str, Place]:
    """Return the nearest file that looks like settings."""
    for file in tree.python("INSTALLED_APPS"):
        inside = src == "." or file.startswith(f"{src}/")
        if inside and "ROOT_URLCONF" in tree.text(file) and not FOR_US.search(dotted(file, src)):
            return dotted(file, src), tree.line_of(file, r"^INSTALLED_APPS")
    return "", Place("manage.py")


def _callable(
    tree: Tree,
    src: str,
    settings: Settings,
    served: dict[str, tuple[str, str]],
    packages: Packages,
    found: Detection,
) -> None:
    """Note the callable: ASGI where channels make it necessary or there is no other, else WSGI."""
    channels = next((app for app in ("channels", "daphne") if app in (settings.value("INSTALLED_APPS") or [])), "")
    for kind in ("asgi", "wsgi") if channels else ("wsgi", "asgi"):
        named = settings.value(f"{kind.upper()}_APPLICATION")
        if isinstance(named, str) and file_of(tree, named.rpartition(".")[0], src):
            module, _, name = named.rpartition(".")
            reason = f"{kind.upper()}_APPLICATION" + (f", as INSTALLED_APPS has {channels}" if channels else "")
            return found.note(kind, f"{module}:{name}", reason, settings.place(f"{kind.upper()}_APPLICATION"))
        if kind in served:
            file, name = served[kind]
            place = tree.line_of(file, rf"get_{kind}_application\(")
            return found.note(kind, f"{dotted(file, src)}:{name}", f"the {kind.upper()} callable", place)
    found.note("wsgi", "django.core.wsgi:get_wsgi_application()", "Django's own, as the project has no wsgi.py")
    return None


def _release(manage: str, src: str, static: bool, found: Detection) -> None:
    """Note what is run before a release goes live, where that isn't what is run for every project of Django's.

    Args:
        static: whether static files are collected; a Procfile's release leaves that to the platform that it is for.
    """
    program = f"python {posixpath.relpath(manage, src)}" if manage else "django-admin"
    collect = [f"{program} collectstatic --noinput"] if static else []
    told = found.findings.get(("release",))
    if told and static and "collectstatic" not in " ".join(told.value):
        reason = f"{told.reason}, and static files"
        found.findings["release",] = replace(told, value=[*told.value, *collect], reason=reason)
    elsewhere = "manage.py lies elsewhere" if manage else "there is no manage.py"
    if not manage or (posixpath.dirname(manage) or ".") != src:
        reason = f"migrations{' and static files' if static else ''}; {elsewhere}"
        found.note("release", [f"{program} migrate --noinput", *collect], reason)
    elif not static:
        found.note("release", [f"{program} migrate --noinput"], "migrations; no static files are collected")


def _environment(
    tree: Tree,
    src: str,
    module: str,
    where: Place,
    settings: Settings,
    lines: list[str],
    served: dict[str, tuple[str, str]],
    found: Detection,
) -> None:
    """Note the settings module: the project's own, or one that is added over it."""
    if lines:
        path = posixpath.normpath(posixpath.join(src, f"{overlay.MODULE}.py"))
        found.additions[path] = overlay.settings(module, lines)
        reason = f"the added {path}, over {module}"
        found.note(f"environ.{VARIABLE}", overlay.MODULE, reason, where)
        for file, _ in served.values():
            match = re.search(rf"^os\.environ\[.{VARIABLE}.\]\s*=", tree.text(file), re.MULTILINE)
            if match and not is_aside(file):
                place = tree.line_of(file, rf"^os\.environ\[.{VARIABLE}.\]\s*=")
                found.beware(
                    f"{VARIABLE} is set there whatever the environment says", "os.environ.setdefault(…) there", place
                )
    else:
        found.note(f"environ.{VARIABLE}", module, "the settings module", where)
