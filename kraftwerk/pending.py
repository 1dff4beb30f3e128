"""Migrations that a deploy would apply: those that the project has here and its database doesn't know as applied."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.serve import interpreter
from kraftwerk.transport import Connection

PATIENCE = 20  # seconds: a large project on a busy computer

# Asks Django's own loader, without a database: what is on disk, in the project and in the packages it installs; each
# with those that it was squashed of.
LIST = """\
import os, sys
sys.path.insert(0, os.getcwd())
import django
django.setup()
from django.db.migrations.loader import MigrationLoader
for (app, name), found in sorted(MigrationLoader(None).disk_migrations.items()):
    print(".".join((app, name)), *(".".join(each) for each in found.replaces))
"""
# Asks the databases what was applied; one that can't be asked has nothing to say.
APPLIED = """\
import os, sys
sys.path.insert(0, os.getcwd())
import django
django.setup()
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.recorder import MigrationRecorder
for alias in connections:
    try:
        applied = MigrationRecorder(connections[alias]).applied_migrations()
    except Exception:
        if alias == DEFAULT_DB_ALIAS:
            raise
    else:
        print("".join(f"{app}.{name}\\n" for app, name in applied), end="")
"""
SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")
FILE = re.compile(r"(?:.*/)?(\w+)/migrations/(\d\w+)\.py")


def settings_module(root: Path, instance: Instance) -> str:
    """Return the name of a Django project's settings, from its environ or its manage.py; empty if it has none."""
    if not any("migrate" in command for command in instance.release):
        return ""
    manage = root / instance.src / "manage.py"
    found = SETTINGS.search(manage.read_text(errors="replace")) if manage.is_file() else None
    return instance.environ.get("DJANGO_SETTINGS_MODULE", "") or (found[1] if found else "")


def here(root: Path, instance: Instance, settings: str) -> dict[str, frozenset[str]] | None:
    """Return the migrations that the project has here, as `app.name`; None where its virtualenv can't tell.

    Each comes with those that it takes the place of.
    """
    venv = interpreter.find(root)
    if venv is None:
        return None
    environ = {**instance.environ, "DJANGO_SETTINGS_MODULE": settings, "PYTHONDONTWRITEBYTECODE": "1"}
    environ.setdefault("SECRET_KEY", "listing-migrations")
    try:
        done = process.run(
            [str(venv / "bin" / "python"), "-c", LIST], cwd=root / instance.src, env=environ, timeout=PATIENCE
        )
    except KraftwerkError:
        return None
    lines = (line.split() for line in done.stdout.decode(errors="replace").splitlines())
    return {words[0]: frozenset(words[1:]) for words in lines if words}


def applied(connection: Connection, instance: Instance, settings: str) -> set[str] | None:
    """Return the migrations that the live release's databases know as applied; None where it can't tell."""
    words = [f"{instance.root}/exec", "env", f"DJANGO_SETTINGS_MODULE={settings}", "python", "-c", APPLIED]
    try:
        return set(connection.text(argv.as_user(instance.user, words), timeout=PATIENCE).split())
    except KraftwerkError:
        return None


def between(known: Mapping[str, frozenset[str]], done: set[str]) -> tuple[str, ...]:
    """Return the migrations that are left to be applied, sorted.

    One that others were squashed to is applied where none of them was, and in their place; else they count.

    Args:
        known: what `here` returned.
        done: what `applied` returned.
    """
    left = {name for name in known if name not in done}
    for name, replaced in known.items():
        if replaced:
            left -= {name} if replaced & done and name not in done else replaced
    return tuple(sorted(left))


def named(files: Iterable[str]) -> tuple[str, ...]:
    """Return the migrations that stand in files, as `app.name` where an app is called as its folder; sorted."""
    return tuple(sorted(f"{found[1]}.{found[2]}" for found in map(FILE.fullmatch, files) if found))
