"""The environment of a project's processes on this computer: what a node would say, as far as it is here."""

import os
from collections.abc import Mapping
from pathlib import Path

from kraftwerk import reference, secret
from kraftwerk.deployment import Deployment
from kraftwerk.detect import overlay
from kraftwerk.errors import KraftwerkError
from kraftwerk.screen import warn

UPLOADS = "/uploads/"


def build(root: Path, given: Deployment, venv: Path, services: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of web and processes.

    A variable of the shell that calls us wins over the project's, and both over what services say here; those of
    services on a node win over all.

    Args:
        given: what holds in the environment that is served.
        venv: the project's virtualenv.
        services: what services on a node, or started here, say.
    """
    ours = local(root, given)
    readable = _readable(given.environ)
    plain = {name: value for name, value in readable.items() if not secret.is_encrypted(given.environ[name])}
    secrets = {name: readable[name] for name in readable.keys() - plain.keys()}
    project = {**reference.at_home(plain, {**secrets, **ours, **services}), **secrets}
    if project.get("DJANGO_SETTINGS_MODULE") == overlay.MODULE:
        del project["DJANGO_SETTINGS_MODULE"]  # adopt wrote that for servers; here the project's own settings hold
    if given.wsgi.startswith(f"{overlay.APPLICATION}:"):
        ours["SECRET_KEY"] = reference.AT_HOME["SECRET_KEY"]
    path = os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)])
    always = {"PATH": path, "VIRTUAL_ENV": str(venv), "PYTHONUNBUFFERED": "1"}
    return {**ours, **project, **os.environ, **services, **always}


def local(root: Path, given: Deployment) -> dict[str, str]:
    """Return what services say that need no server: files in the project's folder.

    A server's database is SQLite for Django, whose code is the same for both; others have a default of their own.
    """
    services, found = given.services, {}
    database = root / "db.sqlite3"
    django = (root / given.src / "manage.py").is_file()
    if "sqlite" in services:
        found["SQLITE_PATH"] = str(database)
    if "sqlite" in services or (django and {"postgres", "mysql"} & services.keys()):
        found["DATABASE_URL"] = f"sqlite:///{database}"
    if "files" in services:
        found |= {"UPLOADS_PATH": str(root / "uploads"), "MEDIA_ROOT": str(root / "uploads"), "MEDIA_URL": UPLOADS}
    return found


def _readable(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the project's variables; encrypted ones that aren't for this admin are left out, and told."""
    found, lost = {}, []
    for name, value in environ.items():
        try:
            found[name] = secret.decrypt(value) if secret.is_encrypted(value) else value
        except KraftwerkError:
            lost.append(name)
    if lost:
        warn(f"{', '.join(lost)}: encrypted, but not for you → kraftwerk config recipients")
    return found
