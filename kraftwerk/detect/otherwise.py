"""A project that isn't Django's: its callable, where its source is, and what its code reads from the environment."""

import configparser
import posixpath
import re

from kraftwerk.detect import application, names, overlay, routes, variables
from kraftwerk.detect.application import SERVERS_OF_THEIR_OWN, Callable
from kraftwerk.detect.djangosettings import DRIVERS
from kraftwerk.detect.evaluate import UNKNOWN
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.tree import Place, Tree, import_root

ORM = ("sqlalchemy", "flask-sqlalchemy", "peewee", "tortoise-orm", "sqlmodel", "databases", "pony", "piccolo")


def detect(tree: Tree, packages: Packages, found: Detection, told: str = "") -> None:
    """Note what a project needs.

    Args:
        told: the callable that its own way to start it names, such as a Procfile.
    """
    known = application.find(tree)
    chosen = _chosen(known, told)
    pasted = _pasted(tree, packages, found) if not told and (not chosen or chosen.framework == "pyramid") else ""
    if pasted:
        found.framework = "pyramid"
    elif chosen:
        _note(tree, chosen, known, found)
    elif told:
        found.note("asgi" if "asgi" in told else "wsgi", told, "as the project itself starts it")
    else:
        _nothing(tree, packages, found)
    _variables(tree, packages, found)
    files = [file for file in tree.python(".route(", ".get(") if not chosen or found.src in (".", _top(file, found))]
    if found.framework in ("flask", "quart", "fastapi", "starlette", "bottle") and (
        health := routes.decorated(tree, files)
    ):
        found.note("health", health.path, health.reason, health.place)


def _top(file: str, found: Detection) -> str:
    return found.src if file.startswith(f"{found.src}/") else ""


def _chosen(known: list[Callable], told: str) -> Callable | None:
    if told:
        return next((each for each in known if each.target == told or each.module == told), None)
    return next((each for each in known if "(" not in each.name or each.name.endswith("()")), None)


def _note(tree: Tree, chosen: Callable, known: list[Callable], found: Detection) -> None:
    found.framework = chosen.framework or chosen.kind
    found.note(chosen.kind, chosen.target, chosen.reason, chosen.place)
    src = import_root(tree, chosen.file)
    if src != ".":
        found.note("src", src, "the source", chosen.place)
        found.layout = "src" if src == "src" else f"{src}/"
    others = [each for each in known if each.target != chosen.target and each.rank[:2] <= chosen.rank[:2]]
    for other in others[:2]:
        found.beware(f"{other.target} is another {other.reason}", f"--set {other.kind}={other.target}", other.place)


def _nothing(tree: Tree, packages: Packages, found: Detection) -> None:
    """Say why there is no callable: a server of its own, a factory with arguments, or none that is known."""
    for name, maker in SERVERS_OF_THEIR_OWN.items():
        for file in tree.python(f"{maker}("):
            if re.search(rf"^\s*(from|import) {name}\b", tree.text(file), re.MULTILINE):
                found.framework = name
                text = f"{name} is a server of its own, and neither WSGI nor ASGI"
                return found.beware(text, "", tree.line_of(file, rf"(from|import) {name}\b"))
    for each in application.find(tree)[:3]:
        text = f"{each.target} {each.reason}, but wants arguments"
        found.beware(text, f"--set '{each.kind}={each.target}' with values for them", each.place)
    if not found.cautions:
        found.beware("no WSGI or ASGI application was found", "--set wsgi=MODULE:CALLABLE or --set asgi=…")
    return None


def _pasted(tree: Tree, packages: Packages, found: Detection) -> str:
    """Note a project that an ini file describes, as Pyramid's are; return that file."""
    files = [
        file for file in tree.files if file.endswith(".ini") and re.search(r"(?m)^use\s*=\s*egg:", tree.text(file))
    ]
    order = ("production.ini", "deployment.ini", "development.ini")
    files.sort(
        key=lambda file: (file.count("/"), order.index(name) if (name := posixpath.basename(file)) in order else 9)
    )
    for file in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(tree.text(file))
        except configparser.Error:
            continue
        if not any(section.startswith(("app:", "composite:", "pipeline:")) for section in parser.sections()):
            continue
        src = posixpath.dirname(file) or "."
        path = posixpath.normpath(posixpath.join(src, f"{overlay.APPLICATION}.py"))
        found.additions[path] = overlay.pasted(file, posixpath.relpath(file, src))
        found.note("wsgi", f"{overlay.APPLICATION}:application", f"the added {path}: {file} describes it", Place(file))
        found.note("install", True, "`use = egg:` finds an application by its package", tree.line_of(file, r"^use\s*="))
        if "development" in file:
            found.beware("there is no production.ini, so development.ini holds", "a production.ini", Place(file))
        return file
    return ""


def _variables(tree: Tree, packages: Packages, found: Detection) -> None:
    """Note services by what is installed and read, and each variable under the name that the code knows."""
    read = variables.find(tree)
    service = _database(tree, packages, read, found)
    for several in read.values():
        each = several[0]
        if names.SECRET.fullmatch(each.name):
            names.secret(each, found)
        elif names.HOSTS.fullmatch(each.name):
            names.hosts(each, found)
        elif service and (names.DATABASE_ADDRESS.fullmatch(each.name) or names.DATABASE_PART.fullmatch(each.name)):
            names.database(each, service, found)
        elif names.REDIS_ADDRESS.fullmatch(each.name) and packages.any_of("redis", "rq", "celery", "huey"):
            if each.required or "redis" in f"{each.default} {each.name}".lower():
                found.note("services.redis", {}, f"{each.name} is read", each.place)
                names.cache(each, "redis", found)
        elif names.UPLOADS.fullmatch(each.name):
            found.note("services.files", {}, f"{each.name} is read", each.place)
            found.note(f"environ.{each.name}", "${UPLOADS_PATH}", "uploads", each.place)
        elif names.DEBUG.fullmatch(each.name) and each.default not in (None, UNKNOWN, False, "", "0", "False", "false"):
            found.note(f"environ.{each.name}", names.OFF, "no debugging on servers", each.place)
    if found.framework == "flask":
        _flask(tree, read, found)


def _database(tree: Tree, packages: Packages, read: dict[str, list[variables.Variable]], found: Detection) -> str:
    """Note the database, and return its service; empty where there is none."""
    for service, drivers in DRIVERS.items():
        if driver := packages.any_of(*drivers):
            found.note(f"services.{service}", {}, f"{driver} is required", packages.place(driver))
            return service
    addressed = [each[0] for name, each in read.items() if names.DATABASE_ADDRESS.fullmatch(name)]
    if addressed and (packages.any_of(*ORM) or "sqlite" in str(addressed[0].default)):
        found.note("services.sqlite", {}, "a database's address is read, and no driver is required", addressed[0].place)
        return "sqlite"
    for file in tree.python("sqlite:///", "SQLALCHEMY_DATABASE_URI"):
        pattern = r"sqlite:///|SQLALCHEMY_DATABASE_URI"
        found.note("services.sqlite", {}, "SQLite", tree.line_of(file, pattern))
        return "sqlite"
    return ""


def _flask(tree: Tree, read: dict[str, list[variables.Variable]], found: Detection) -> None:
    """Warn of keys in the code."""
    prefixed = any("from_prefixed_env" in tree.text(file) for file in tree.python("from_prefixed_env"))
    if prefixed:
        place = next(tree.line_of(file, "from_prefixed_env") for file in tree.python("from_prefixed_env"))
        found.note("environ.FLASK_SECRET_KEY", "${SECRET_KEY}", "config.from_prefixed_env", place)
    if any(names.SECRET.fullmatch(name) for name in read) or prefixed:
        return
    for file in tree.python("SECRET_KEY", "secret_key"):
        pattern = r"""(?:SECRET_KEY["']?\]?\s*[=:]|secret_key\s*=)\s*[bfr]?["'][^"']"""
        if re.search(pattern, tree.text(file)):
            place = tree.line_of(file, pattern)
            found.beware(
                "SECRET_KEY stands in the code, so everybody can sign sessions", 'os.environ["SECRET_KEY"]', place
            )
            return
