"""A project that isn't Django's: its callable, where its source is, and what its code reads from the environment."""

import configparser
import posixpath
import re
from collections.abc import Iterator

from kraftwerk.detect import application, names, overlay, routes, variables
from kraftwerk.detect.application import SERVERS_OF_THEIR_OWN, Callable
from kraftwerk.detect.djangosettings import DRIVERS
from kraftwerk.detect.evaluate import UNKNOWN
from kraftwerk.detect.finding import Detection, Finding
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.tree import Place, Tree, import_root, is_aside

ROUTED = ("flask", "quart", "fastapi", "starlette", "bottle")
PREFIX = re.compile(r"""(?:startswith\(\s*["'](?=\w+_["'])|prefix\s*=\s*["'])(?P<prefix>[A-Z][A-Z0-9_]*?)_?["']""")
FOREIGN_PREFIXES = ("HTTP", "WSGI", "X", "SERVER")
KEY = r"""(?:SECRET_KEY["']?\]?\s*[=:]|secret_key\s*=)\s*[bfr]?["'][^"']"""
ON_SQLALCHEMY = ("sqlalchemy", "flask-sqlalchemy", "sqlmodel", "databases")
ORM = ("sqlalchemy", "flask-sqlalchemy", "peewee", "tortoise-orm", "sqlmodel", "databases", "pony", "piccolo")
ASYNCHRONOUS = {"aiosqlite": "sqlite", "asyncpg": "postgres"}


def detect(tree: Tree, packages: Packages, found: Detection, told: str = "", kind: str = "wsgi") -> None:
    """Note what a project needs.

    Args:
        told: the callable that its own way to start it names, such as a Procfile; kind: wsgi or asgi.
    """
    known = application.find(tree)
    chosen = _chosen(known, told)
    pasted = _pasted(tree, packages, found) if not told and (not chosen or chosen.framework == "pyramid") else ""
    if pasted:
        found.framework = "pyramid"
    elif chosen:
        _note(tree, chosen, known, found)
    elif told:
        found.note(kind, told, "as the project itself starts it")
    else:
        _nothing(tree, packages, found)
    _variables(tree, packages, found)
    files = [file for file in tree.python(".route(", ".get(") if not chosen or found.src in (".", _top(file, found))]
    health = routes.decorated(tree, files) if found.framework in ROUTED else None
    if health and found.framework == "fastapi" and health.reason != routes.MADE:
        found.note("health", "/docs", "FastAPI's own page; / is none of it", health.place)
    elif health:
        found.note("health", health.path, health.reason, health.place)
    _prefixed(tree, found)


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
        if not packages.any_of(name):
            continue
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
    inis = [file for file in tree.files if file.endswith(".ini") and not is_aside(file)]
    files = [file for file in inis if re.search(r"(?m)^use\s*=\s*egg:", tree.text(file))]
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
    driver = _asynchronous(tree, packages, service)
    keys = _own_keys(tree, packages, read, found)
    for several in read.values():
        each = several[0]
        if each.name in keys:
            names.secret(each, found)
        elif names.HOSTS.fullmatch(each.name):
            names.hosts(each, found)
        elif service and (names.DATABASE_ADDRESS.fullmatch(each.name) or names.DATABASE_PART.fullmatch(each.name)):
            names.database(each, service, found, sqlalchemy=bool(packages.any_of(*ON_SQLALCHEMY)), driver=driver)
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
        _flask(tree, keys, found)


def _database(tree: Tree, packages: Packages, read: dict[str, list[variables.Variable]], found: Detection) -> str:
    """Note the database, and return its service; empty where there is none."""
    for service, drivers in DRIVERS.items():
        if driver := packages.any_of(*drivers):
            found.note(f"services.{service}", {}, f"{driver} is required", packages.place(driver))
            return service
    addressed = [each[0] for name, each in read.items() if names.DATABASE_ADDRESS.fullmatch(name)]
    if addressed and (packages.any_of(*ORM, *ASYNCHRONOUS) or "sqlite" in str(addressed[0].default)):
        found.note("services.sqlite", {}, "a database's address is read, and no driver is required", addressed[0].place)
        return "sqlite"
    for file in tree.python("sqlite:///", "SQLALCHEMY_DATABASE_URI"):
        pattern = r"sqlite:///|SQLALCHEMY_DATABASE_URI"
        place = tree.line_of(file, pattern)
        found.note("services.sqlite", {}, "SQLite", place)
        if fixed := re.search(r"""["'](sqlite[+\w]*:///[^"']+)["']""", tree.text(file)):
            mend = "a setting or variable of its own that takes DATABASE_URL"
            found.beware(f"its database is {fixed[1]}, and no variable says another one", mend, place)
        return "sqlite"
    return ""


def _prefixes(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield the files that take variables with a prefix for settings, with that prefix."""
    for file in tree.python("environ"):
        for match in PREFIX.finditer(tree.text(file)):
            if match["prefix"] not in FOREIGN_PREFIXES and posixpath.basename(file) != "bottle.py":
                yield file, match["prefix"]


def _asynchronous(tree: Tree, packages: Packages, service: str) -> str:
    """Return the driver that an asynchronous engine of SQLAlchemy must be told; empty where one that waits is there."""
    if not any(True for _ in tree.python("create_async_engine")):
        return ""
    if packages.any_of(*(name for name in DRIVERS.get(service, ()) if name not in ASYNCHRONOUS)):
        return ""
    return next((name for name, its in ASYNCHRONOUS.items() if its == service and packages.any_of(name)), "")


def _prefixed(tree: Tree, found: Detection) -> None:
    """Note the variables of a project that takes all those with a prefix for its settings."""
    for file, prefix in _prefixes(tree):
        place = tree.line_of(file, rf"[\"']{prefix}_?[\"']")
        reason = f"variables that begin with {prefix}_ are settings"
        found.note(f"environ.{prefix}_SECRET_KEY", "${SECRET_KEY}", reason, place)
        if any(True for _ in tree.python("SQLALCHEMY_DATABASE_URI")):
            url = "postgresql://${DATABASE_URL.address}" if "postgres" in found.services else "${DATABASE_URL}"
            found.note(f"environ.{prefix}_SQLALCHEMY_DATABASE_URI", url, reason, place)
        return


def _own_keys(tree: Tree, packages: Packages, read: dict[str, list[variables.Variable]], found: Detection) -> set[str]:
    """Return the variables that the application's own secret key is read from, by name."""
    module = str(found.value("wsgi") or found.value("asgi") or "").partition(":")[0]
    own = {word for name in (tree.root.name, packages.name, module) for word in re.findall(r"[A-Z0-9]+", name.upper())}
    return {name for name, several in read.items() if names.is_key(several[0], tree.line(several[0].place), own)}


def _flask(tree: Tree, keys: set[str], found: Detection) -> None:
    """Note what no variable says: an application that is added over the project's own does."""
    prefixed = next(iter(tree.python("from_prefixed_env")), "")
    if prefixed:
        place = tree.line_of(prefixed, "from_prefixed_env")
        found.note("environ.FLASK_SECRET_KEY", "${SECRET_KEY}", "config.from_prefixed_env", place)
    lines = [] if prefixed or keys else _keys(tree, found)
    instance = next((file for file in tree.python("app.instance_path", "instance_relative_config")), "")
    if instance:
        place = tree.line_of(instance, r"\.instance_path|instance_relative_config")
        found.beware("the instance folder is in the release, which nobody can write", place=place, solved=True)
        found.note("services.sqlite", {}, "files in the instance folder", place)
    if lines or instance:
        target, where = str(found.value("wsgi")), found.findings["wsgi",].place
        path = posixpath.normpath(posixpath.join(found.src, f"{overlay.APPLICATION}.py"))
        found.additions[path] = overlay.application(target, lines, instance=bool(instance))
        reason = f"the added {path}, over {target}"
        found.findings["wsgi",] = Finding(("wsgi",), f"{overlay.APPLICATION}:application", reason, where)


def _keys(tree: Tree, found: Detection) -> list[str]:
    """Return the code of a secret key, where it stands in the code and no variable with a prefix takes its place."""
    if any(_prefixes(tree)):
        return []
    for file in tree.python("SECRET_KEY", "secret_key"):
        if re.search(KEY, tree.text(file)):
            found.beware("SECRET_KEY stands in the code", place=tree.line_of(file, KEY), solved=True)
            return ['application.config["SECRET_KEY"] = os.environ["SECRET_KEY"]']
    return []
