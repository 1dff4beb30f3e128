"""Migrations that a deploy would apply: those that Django knows here and not in the live release."""

import re
from pathlib import Path

from kraftwerk import argv, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.transport import Connection

PATIENCE = 10  # seconds

# Asks Django's own loader, without a database: what is on disk, in the project and in the packages it installs.
LIST = """\
import os, sys
sys.path.insert(0, os.getcwd())
import django
django.setup()
from django.db.migrations.loader import MigrationLoader
print("\\n".join(sorted(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations)))
"""
SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["'],\s*["']([\w.]+)["']""")


def settings_module(root: Path, instance: Instance) -> str:
    """Return the name of a Django project's settings, from its environ or its manage.py; empty if it has none."""
    if not any("migrate" in command for command in instance.release):
        return ""
    manage = root / instance.src / "manage.py"
    found = SETTINGS.search(manage.read_text(errors="replace")) if manage.is_file() else None
    return instance.environ.get("DJANGO_SETTINGS_MODULE", "") or (found[1] if found else "")


def here(root: Path, instance: Instance, settings: str) -> set[str] | None:
    """Return the migrations that the project has here, as `app.name`; None where its virtualenv can't tell."""
    pythons = [root / "bin" / "python", root / ".venv" / "bin" / "python"]
    python = next((path for path in pythons if path.exists()), None)
    if python is None:
        return None
    environ = {**instance.environ, "DJANGO_SETTINGS_MODULE": settings, "PYTHONDONTWRITEBYTECODE": "1"}
    environ.setdefault("SECRET_KEY", "listing-migrations")
    try:
        done = process.run([str(python), "-c", LIST], cwd=root / instance.src, env=environ, timeout=PATIENCE)
    except KraftwerkError:
        return None
    return set(done.stdout.decode(errors="replace").split())


def live(connection: Connection, instance: Instance, settings: str) -> set[str] | None:
    """Return the migrations that the live release has, as `app.name`; None where it can't tell."""
    words = [f"{instance.root}/exec", "env", f"DJANGO_SETTINGS_MODULE={settings}", "python", "-c", LIST]
    try:
        return set(connection.text(argv.as_user(instance.user, words), timeout=PATIENCE).split())
    except KraftwerkError:
        return None
