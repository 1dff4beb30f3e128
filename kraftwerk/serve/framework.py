"""Which development server a project has, and how it is called.

It is started anew by us: most of them look at the files themselves once a second only.
"""

import configparser
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kraftwerk import application
from kraftwerk.deployment import Deployment

SHIMS = Path(__file__).with_name("shims")
# What servers say of themselves at every start, and what Django says of migrations: we say it better.
NOISE = re.compile(
    r"(?:[A-Z]+:[\w.]+:)?(Performing system checks|Watching for file changes|Quit the server with|Django version "
    r"|Starting .*server at http|System check identified no issues|Press CTRL\+C|WARNING: This is a development server"
    r"|For more information on production servers|Not every .*reload| \* (Serving Flask|Debug|Running on|Restarting)"
    r"|Your project may not work properly until you apply|Run '?python manage\.py migrate"
    r"|\[[\d-]+ [\d:]+ [+-]\d{4}\] \[\d+\] \[INFO\] (Starting|Listening|Using worker|Booting|Handling|Worker |Shutting"
    r"|Control socket)|INFO: +(Started|Waiting|Application|Uvicorn running|Shutting|Finished)"
    r"|Starting server in PID|INFO +\[waitress|\w+ \d+, \d{4} - \d\d:\d\d:\d\d$)"
)
INI = "development.ini"  # where Pyramid's projects say how they are served while one works on them
UNAPPLIED = re.compile(r"You have (\d+) unapplied migration")


@dataclass(frozen=True)
class Server:
    """A development server.

    Attributes:
        name: what it is, for people.
        words: the program and its arguments, after the project's Python.
        needs: the package that must be installed for it.
        environ: variables that it needs.
        files: what must be written for it, by path.
        serves_static: it serves the project's static files by itself.
    """

    name: str
    words: tuple[str, ...]
    needs: str
    environ: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    serves_static: bool = False


def choose(
    given: Deployment, folder: Path, named: Collection[str], host: str, port: int, scratch: Path = Path()
) -> Server:
    """Return the development server of a project.

    Args:
        folder: where its source is.
        named: the packages that it requires, normalized.
        host, port: where it shall listen.
        scratch: a folder for files of ours.
    """
    words: tuple[str, ...]
    where = f"{host}:{port}"
    django = is_django(folder, named)
    if given.asgi:
        return _uvicorn(application.whole(given.asgi), host, port, django)
    if django:
        words = ("manage.py", "runserver", "--noreload", where)
        return Server("Django", words, "django", serves_static=True)
    if "flask" in named:
        listen = ("--host", host, "--port", str(port))
        words = ("-m", "flask", "--app", given.wsgi, "run", "--debug", "--no-reload", *listen)
        return Server("Flask", words, "flask", serves_static=True)
    if "pyramid" in named and (folder / INI).is_file():
        ini = paste((folder / INI).read_text(), folder, host, port)
        words = ("-m", "pyramid.scripts.pserve", str(scratch / INI))
        return Server("Pyramid", words, "pyramid", files={scratch / INI: ini})
    common = ("--bind", where, "--workers", "1", "--threads", "4", "--access-logfile", "-")
    words = ("-m", "gunicorn", *common, "--access-logformat", '"%(r)s" %(s)s %(b)s', application.whole(given.wsgi))
    return Server("gunicorn", words, "gunicorn")


def is_django(folder: Path, named: Collection[str]) -> bool:
    """Tell whether a folder's manage.py is Django's; old projects of Flask's have one, too."""
    manage = folder / "manage.py"
    return manage.is_file() and ("flask" not in named or "django" in manage.read_text(errors="replace").lower())


def _uvicorn(callable_: str, host: str, port: int, django: bool) -> Server:
    """Return uvicorn; Django's own server for ASGI is another package, so that static files take a shim."""
    common = ("-m", "uvicorn", "--host", host, "--port", str(port), "--timeout-graceful-shutdown", "1")
    if not django:
        return Server("uvicorn", (*common, callable_), "uvicorn")
    environ = {"KRAFTWERK_ASGI": callable_, "PYTHONPATH": str(SHIMS)}
    words = (*common, "kraftwerk_django_asgi:application")
    return Server("uvicorn", words, "uvicorn", environ, serves_static=True)


def paste(text: str, folder: Path, host: str, port: int) -> str:
    """Return the ini file of a Pyramid project with its server at another address; it may lie in another folder.

    Args:
        folder: where it was.
    """
    ini = configparser.RawConfigParser(strict=False)
    ini.optionxform = str  # type: ignore[assignment,method-assign]
    ini.read_string(text)
    ini["DEFAULT"].setdefault("here", str(folder))
    if ini.has_section("server:main"):
        ini.remove_option("server:main", "listen")
        ini["server:main"].update({"host": host, "port": str(port)})
    written = io.StringIO()
    ini.write(written)
    return written.getvalue()


def translate(line: str, port: int, public: int) -> str | None:
    """Return a line of a server's output as it is shown: with the address that people use, and without noise.

    Args:
        port: where it listens; public: where people reach it.
    """
    if NOISE.match(line) or not line.strip():
        return None
    return line.replace(f":{port}", f":{public}")
