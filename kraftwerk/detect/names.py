"""Environment variables by what they are for: what kraftwerk's own say, under the names that a project reads."""

import re
from collections.abc import Collection

from kraftwerk.detect.finding import Detection
from kraftwerk.detect.variables import Variable

OFF = "0"  # what every reader takes for false: 0, == "1", == "True", env.bool, cast=bool
PARTS = {
    r"(USERNAME|USER|LOGIN)": "user",
    r"(PASSWORD|PASSWD|PASS|PWD)": "password",
    r"(HOSTNAME|HOST|SERVER|ADDRESS)": "host",
    r"PORT": "port",
    r"(DATABASE_NAME|DATABASE|DBNAME|NAME|DB)": "name",
}
# Not those of servers that are another kind of database.
DATABASE = r"(?!.*(MONGO|COUCH|REDIS|INFLUX|CLICKHOUSE|ELASTIC|NEO4J|CASSANDRA))(.*_)?"
DATABASE += r"(DATABASES?|DB|POSTGRES(QL)?|PG(SQL)?|PSQL|MYSQL|MARIADB|SQLITE3?|SQL|RDS|RDBMS|SQLALCHEMY_DATABASE)"
DATABASE_ADDRESS = re.compile(rf"({DATABASE}_?(URL|URI|DSN|CONN(ECTION)?(_STRING)?|ADDRESS)(_DEFAULT)?)")
DATABASE_PART = re.compile(rf"{DATABASE}_(DEFAULT_)?(?P<part>[A-Z_]+)|(?P<pg>PG[A-Z]+)")
SECRET = re.compile(r"((?P<of>\w+?)_)?(SECRET|SECRET_?KEY(_BASE)?|APP_KEY|JWT_KEY|SIGNING_KEY|SALT)")
# Words before that which say nothing of another service, to which our key would be told as a password for it.
PLAIN = {"DJANGO", "FLASK", "QUART", "FASTAPI", "APP", "APPLICATION", "WEB", "SITE", "SERVER", "SESSION", "COOKIE"}
PLAIN |= {"CSRF", "WTF", "JWT", "TOKEN", "SECURITY", "PASSWORD", "HASH"}
KEPT = re.compile(r"(?i)^\s*(\w*app\w*\.)?(config\[[\"'])?secret_key[\"'\]]*\s*(:\s*\w+\s*)?=")
HOSTS = re.compile(r"(.*_)?(ALLOWED|VIRTUAL|TRUSTED)_?HOSTS?")
REDIS_ADDRESS = re.compile(
    r"(.*_)?(REDIS|BROKER|CACHE|RQ|HUEY|CELERY_RESULT|RESULT_BACKEND)\w*_(URL|URI|DSN|LOCATION)"
    r"|(CELERY_)?BROKER(_URL)?|CELERY_RESULT_BACKEND"
)
REDIS_PART = re.compile(r"(.*_)?REDIS_(HOST|PORT|HOSTNAME|SERVER|ADDRESS)")
UPLOADS = re.compile(r"(.*_)?(MEDIA|UPLOADS?)_?(ROOT|PATH|DIR|FOLDER|DIRECTORY)")
DEBUG = re.compile(r"(DJANGO_|FLASK_|APP_)?DEBUG")


def is_key(variable: Variable, line: str, own: Collection[str]) -> bool:
    """Tell whether a variable has the application's own secret key, and not what another service gave it.

    Args:
        line: the code that reads it.
        own: words of the project's names, in capitals.
    """
    if KEPT.match(line) and re.search("KEY|SECRET", variable.name):
        return True
    match = SECRET.fullmatch(variable.name)
    return match is not None and set((match["of"] or "APP").split("_")) <= PLAIN | set(own)


def secret(variable: Variable, found: Detection) -> None:
    """Note a variable that a secret key is read from."""
    if variable.name != "SECRET_KEY":
        found.note(f"environ.{variable.name}", "${SECRET_KEY}", "the secret key, made on the node", variable.place)


def hosts(variable: Variable, found: Detection) -> None:
    """Note a variable that the site's domains are read from."""
    if variable.name != "ALLOWED_HOSTS":
        found.note(f"environ.{variable.name}", "${ALLOWED_HOSTS}", "the site's domains", variable.place)


def database(variable: Variable, service: str, found: Detection, *, sqlalchemy: bool = False, driver: str = "") -> None:
    """Note a variable that leads to the database: its address, or a part of it.

    Args:
        sqlalchemy: whether SQLAlchemy reads it, which finds a Unix socket in no host's name.
        driver: the one that an asynchronous engine of SQLAlchemy must find in the scheme, such as asyncpg.
    """
    if DATABASE_ADDRESS.fullmatch(variable.name) or variable.kind == "url":
        scheme = str(variable.default).partition("://")[0] if "://" in str(variable.default) else ""
        url, through = "${DATABASE_URL}", sqlalchemy or bool(driver) or "+" in scheme
        if not scheme.startswith(service):  # postgres:// and postgresql:// both do
            bare = "postgresql" if service == "postgres" else service
            scheme = f"{bare}+{driver}" if driver else bare
        if service == "postgres" and through:
            url = f"{scheme}://${{DATABASE_URL.address}}"
        elif service == "sqlite" and "+" in scheme:
            url = f"{scheme}:///${{SQLITE_PATH}}"
        if variable.name != "DATABASE_URL" or url != "${DATABASE_URL}":
            found.note(f"environ.{variable.name}", url, "the database's address", variable.place)
        return
    match = DATABASE_PART.fullmatch(variable.name)
    part = (match["part"] or match["pg"].removeprefix("PG")) if match else variable.name.rpartition("_")[2]
    if re.fullmatch(r"(ENGINE|TYPE|DRIVER|BACKEND|VENDOR)", part):
        return engine(variable, service, found)
    if re.fullmatch(r"(PATH|FILE|FILENAME)", part) and service == "sqlite":
        found.note(f"environ.{variable.name}", "${SQLITE_PATH}", "the database's file", variable.place)
        return None
    for pattern, name in PARTS.items():
        if match and re.fullmatch(pattern, part):
            value = "${SQLITE_PATH}" if service == "sqlite" and name == "name" else f"${{DATABASE_URL.{name}}}"
            if service != "sqlite" or name == "name":
                found.note(f"environ.{variable.name}", value, f"the database's {name}", variable.place)
            return None
    return None


def engine(variable: Variable, service: str, found: Detection) -> None:
    """Note a variable that chooses the kind of database, in the words of its default."""
    default = variable.default if isinstance(variable.default, str) else "django.db.backends."
    words = {"postgres": "postgresql", "mysql": "mysql", "sqlite": "sqlite3"}
    prefix = default.rpartition(".")[0] + "." if "." in default else ""
    if default != prefix + words[service]:
        found.note(f"environ.{variable.name}", prefix + words[service], "the kind of database", variable.place)


def cache(variable: Variable, service: str, found: Detection) -> None:
    """Note a variable that leads to a cache or a queue."""
    own = f"{service.upper()}_URL"
    if re.search(r"(URL|URI|LOCATION|DSN|BROKER|BACKEND)", variable.name) and variable.name != own:
        found.note(f"environ.{variable.name}", f"${{{own}}}", service, variable.place)
    elif REDIS_PART.fullmatch(variable.name) and service == "redis":
        unreachable(variable, found)


def unreachable(variable: Variable, found: Detection) -> None:
    """Say that redis is asked for by host and port, which a node's own has not."""
    mend = "a redis elsewhere: services: {redis: {url: …}}, or a variable that takes REDIS_URL"
    text = f"{variable.name} is read, but redis on the node listens on a Unix socket alone"
    found.beware(text, mend, variable.place)
