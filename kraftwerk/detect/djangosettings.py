"""What a Django project's settings say of services, static files, secrets and hosts; and the settings to add."""

import ast
import re

from kraftwerk.detect import names, overlay
from kraftwerk.detect.evaluate import ANCHOR, UNKNOWN, inside
from kraftwerk.detect.finding import Detection
from kraftwerk.detect.packages import Packages
from kraftwerk.detect.settings import Settings, hard_coded
from kraftwerk.detect.tree import Place, Tree
from kraftwerk.detect.variables import Variable

ENGINES = {
    "postgres": ("postgresql", "postgis", "psqlextra", "timescale"),
    "mysql": ("mysql",),
    "sqlite": ("sqlite3", "spatialite"),
}
DRIVERS = {
    "postgres": ("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000"),
    "mysql": ("mysqlclient", "pymysql", "mysql-connector-python", "aiomysql", "asyncmy"),
}
NEGATED = re.compile(r"\bnot\b|!=")  # what a variable would have to say then isn't known
HOSTS = 'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")'
FALLBACK = "staticfiles"  # where static files are collected when the code names no place


def look(tree: Tree, settings: Settings, src: str, packages: Packages, found: Detection) -> list[str]:
    """Note what settings say, and return the code of those that must be said anew."""
    lines: list[str] = []
    lines += _debug(settings, found)
    lines += _secret(settings, found)
    lines += _hosts(settings, found)
    lines += _database(settings, packages, found)
    lines += _static(tree, settings, src, found)
    lines += _media(settings, src, found)
    lines += _logging(settings, found)
    _caches(settings, found)
    return [*lines, *_addresses(settings, lines)] if lines else []


def _debug(settings: Settings, found: Detection) -> list[str]:
    """DEBUG is off on servers, one way or another."""
    setting = settings.found.get("DEBUG")
    if setting is None or (setting.value is False and not setting.variables):
        return []
    if setting.value is False and not any(variable.required for variable in setting.variables):
        return []
    told = [] if NEGATED.search(ast.unparse(setting.node)) else _told(settings, "DEBUG", "DEBUG")
    for variable in told:
        value = "" if variable.kind == "set" or _is_bare(setting.node) else names.OFF
        found.note(f"environ.{variable.name}", value, "DEBUG is off on servers", variable.place)
    if told:
        return []
    said = f", unless {setting.variables[0].name} says otherwise" if setting.variables else ""
    found.beware(f"DEBUG is on{said}", place=setting.place, solved=True)
    return ["DEBUG = False"]


def _is_bare(node: ast.expr) -> bool:
    """Tell whether a variable counts as soon as it says anything: bool(os.environ.get("DEBUG"))."""
    text = ast.unparse(node)
    return bool(re.fullmatch(r"(bool\()?os\.(environ\.get|getenv)\([^()]*\)\)?", text))


def _secret(settings: Settings, found: Detection) -> list[str]:
    setting = settings.found.get("SECRET_KEY")
    told = _told(settings, "SECRET_KEY", "SECRET|KEY")
    if told:
        names.secret(told[0], found)
        return []
    said = "SECRET_KEY stands in the code" if setting else "there is no SECRET_KEY"
    if setting is None or hard_coded(settings, "SECRET_KEY"):  # else it is made anew, or read from a file
        found.beware(said, place=settings.place("SECRET_KEY"), solved=True)
    return ['SECRET_KEY = os.environ["SECRET_KEY"]']


def _told(settings: Settings, name: str, about: str) -> list[Variable]:
    """Return the variables of a setting whose names say that they are about it."""
    setting = settings.found.get(name)
    return [each for each in (setting.variables if setting else ()) if re.search(about, each.name)]


def _hosts(settings: Settings, found: Detection) -> list[str]:
    setting = settings.found.get("ALLOWED_HOSTS")
    told = _told(settings, "ALLOWED_HOSTS", "HOST|DOMAIN|URL")
    if told:
        names.hosts(told[0], found)
        if not (setting and re.search(r"\.split\((' ')?\)", ast.unparse(setting.node))):
            return []
        found.beware(f"{told[0].name} is split at spaces, not commas", place=setting.place, solved=True)
        return [HOSTS]
    if setting and isinstance(setting.value, list) and "*" in setting.value:
        return []
    listed = setting.value if setting and isinstance(setting.value, list) else []
    said = f"ALLOWED_HOSTS is {listed}" if listed else "ALLOWED_HOSTS is empty"
    found.beware(f"{said}: every request would be refused", place=settings.place("ALLOWED_HOSTS"), solved=True)
    return [HOSTS]


def _database(settings: Settings, packages: Packages, found: Detection) -> list[str]:
    setting = settings.found.get("DATABASES")
    if setting is None:
        return []
    default = setting.value.get("default", {}) if isinstance(setting.value, dict) else {}
    engine = default.get("ENGINE") if isinstance(default, dict) else None
    service = _service(engine, setting.variables, packages)
    if setting.variables:
        named = engine if isinstance(engine, str) else _driver(packages)
        reason = f"the database{f': {named}' if named else ', as its variables say'}"
        found.note(f"services.{service}", {}, reason, setting.place)
        for variable in setting.variables:
            names.database(variable, service, found)
        return _unread_sqlite(default, service, setting.place, found)
    found.note(f"services.{service}", {}, f"the database: {engine}", setting.place)
    found.beware(f"DATABASES names {_address(default)}, and follows no variable", place=setting.place, solved=True)
    if service != "sqlite":
        for part in ("name", "user", "password", "host", "port"):
            found.note(
                f"environ.DB_{part.upper()}", f"${{DATABASE_URL.{part}}}", f"the database's {part}", setting.place
            )
    return ["DATABASES = {**DATABASES, " + f'"default": {_default(service)}' + "}  # noqa: F405"]


def _unread_sqlite(default: object, service: str, place: Place, found: Detection) -> list[str]:
    """A file in the release can't be written, and wouldn't outlive it."""
    name = default.get("NAME") if isinstance(default, dict) else None
    read = any(key.endswith(("URL", "NAME", "PATH", "DB", "DATABASE")) for key in found.below("environ"))
    if service == "sqlite" and isinstance(name, str) and name.startswith(ANCHOR) and not read:
        return [f'DATABASES["default"]["NAME"] = os.environ["SQLITE_PATH"]  # noqa: F405; was {inside(name)}']
    return []


def _service(engine: object, variables: tuple[Variable, ...], packages: Packages) -> str:
    """Return the service behind a database: by its engine, a URL's scheme, or the driver that is installed."""
    words = [engine, *(variable.default for variable in variables)]
    for service, parts in ENGINES.items():
        for word in words:
            named = isinstance(word, str) and any(part in word.lower() for part in (*parts, f"{service}://"))
            if named and (service != "sqlite" or not _driver(packages)):
                return service
    driver = _driver(packages)
    return next((service for service, drivers in DRIVERS.items() if driver in drivers), "sqlite")


def _driver(packages: Packages) -> str:
    return packages.any_of(*DRIVERS["postgres"], *DRIVERS["mysql"])


def _address(default: object) -> str:
    """Return what a database's settings name, for people."""
    values = default if isinstance(default, dict) else {}
    name = inside(values.get("NAME")) or values.get("NAME")
    host = values.get("HOST")
    return f"{name or 'a database'}{f' at {host}' if isinstance(host, str) and host else ''}"


def _default(service: str) -> str:
    """Return the code of a database that follows the environment."""
    if service == "sqlite":
        return '{**DATABASES["default"], "NAME": os.environ["SQLITE_PATH"]}'
    return (
        '{**DATABASES["default"], "NAME": os.environ["DB_NAME"], "USER": os.environ["DB_USER"], '
        '"PASSWORD": os.environ["DB_PASSWORD"], "HOST": os.environ["DB_HOST"], "PORT": os.environ["DB_PORT"]}'
    )


def collects(settings: Settings) -> bool:
    """Tell whether a project has static files to collect, as far as its applications are known."""
    apps = settings.value("INSTALLED_APPS")
    return not isinstance(apps, list) or "django.contrib.staticfiles" in apps or UNKNOWN in apps


def _static(tree: Tree, settings: Settings, src: str, found: Detection) -> list[str]:
    if not collects(settings):
        return []
    url, setting = settings.value("STATIC_URL"), settings.found.get("STATIC_ROOT")
    url = url.strip("/") if isinstance(url, str) and not url.startswith("http") else ""
    url = f"/{url or 'static'}/"
    folder = inside(setting.value, src) if setting else None
    if setting and setting.variables:
        for variable in setting.variables:
            if variable.name != "STATIC_ROOT" and re.search(r"STATIC", variable.name):
                found.note(f"environ.{variable.name}", "${STATIC_ROOT}", "STATIC_ROOT", variable.place)
        folder = folder if folder not in (None, ".") else FALLBACK
    if folder not in (None, "."):
        if not (folder == FALLBACK and url == "/static/"):
            found.note("static", {url: folder}, "STATIC_URL and STATIC_ROOT", settings.place("STATIC_ROOT"))
        return []
    found.note("static", {url: FALLBACK}, "where static files are collected", settings.place("STATIC_ROOT"))
    said = "STATIC_ROOT lies outside of the project" if setting and setting.value else "there is no STATIC_ROOT"
    found.beware(f"{said}: collectstatic can't collect", place=settings.place("STATIC_ROOT"), solved=True)
    return ['STATIC_ROOT = os.path.abspath(os.environ["STATIC_ROOT"])']


def _media(settings: Settings, src: str, found: Detection) -> list[str]:
    setting = settings.found.get("MEDIA_ROOT")
    if setting is None or setting.value == "":
        return []
    found.note("services.files", {}, "uploads: MEDIA_ROOT", setting.place)
    for variable in _told(settings, "MEDIA_ROOT", "MEDIA|UPLOAD")[:1]:
        if variable.name != "MEDIA_ROOT":
            found.note(f"environ.{variable.name}", "${UPLOADS_PATH}", "uploads", variable.place)
        told = settings.is_read("MEDIA_URL") or settings.value("MEDIA_URL") == "/uploads/"
        return [] if told else ['MEDIA_URL = os.environ["MEDIA_URL"]']
    found.beware("MEDIA_ROOT is in the release, which nobody can write", place=setting.place, solved=True)
    return list(overlay.UPLOADS)


def _addresses(settings: Settings, lines: list[str]) -> list[str]:
    """A CDN has other addresses. Where settings are said anew they follow them; for these alone none are."""
    fixed = (name for name in ("STATIC_URL", "MEDIA_URL") if name in settings.found and not settings.is_read(name))
    names = [name for name in fixed if not any(line.startswith(f"{name} = ") for line in lines)]
    return [f'{name} = os.environ.get("{name}", {name})  # noqa: F405' for name in names]


def _logging(settings: Settings, found: Detection) -> list[str]:
    """Logs in files of the release go where all others go: runit keeps what is printed."""
    setting = settings.found.get("LOGGING")
    if setting is None or "'filename': " not in ast.unparse(setting.node):
        return []
    found.beware("LOGGING writes files in the release, which nobody can write", place=setting.place, solved=True)
    return [
        'for _handler in LOGGING["handlers"].values():  # noqa: F405',
        '    if "filename" in _handler:  # kraftwerk logs shows what is printed',
        '        _kept = {key: _handler[key] for key in ("level", "formatter", "filters") if key in _handler}',
        "        _handler.clear()",
        '        _handler.update({**_kept, "class": "logging.StreamHandler"})',
    ]


def _caches(settings: Settings, found: Detection) -> None:
    setting = settings.found.get("CACHES")
    text = ast.unparse(setting.node) if setting else ""
    for service, word in (("redis", "redis"), ("memcached", "memcache")):
        if setting and word in text.lower():
            found.note(f"services.{service}", {}, "CACHES", setting.place)
            for variable in setting.variables:
                names.cache(variable, service, found)
            if not setting.variables:
                mend = f'LOCATION: os.environ["{service.upper()}_URL"]'
                found.beware(f"CACHES names its {service} itself", mend, setting.place)
