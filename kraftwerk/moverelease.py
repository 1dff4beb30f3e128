"""The release that is live on a node, brought to another one as it is: source, static files, virtualenv, secrets."""

import tempfile
from pathlib import Path, PurePosixPath

from kraftwerk import nodevenv, process, relay, requirements
from kraftwerk import release as releases
from kraftwerk.instance import Instance
from kraftwerk.moveplan import Plan
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection

SECRETS = "/etc/kraftwerk/secrets"
# Of what the other node sends, files of the instance's own folder, and nothing that leads out of it.
UNPACK = """\
umask 077; mkdir -p "$1"; tar --extract --no-same-owner --directory "$1" -- "$2"
find "$1/$2" ! -type f ! -type d -delete
"""
# What requirements are read from; a release may hold much else.
NAMED = """\
cd "$1"
find . -name venv -prune -o -type f -size -1024k '(' -name '*.txt' -o -name '*.toml' -o -name '*.lock' \\
  -o -name '*.in' -o -name Pipfile -o -name setup.cfg -o -name setup.py ')' -print0 |
  tar --create --null --files-from -
"""


def copy_secrets(source: Connection, into: Connection, instance: Instance) -> None:
    """Bring the secrets that an instance's node made for it, so that sessions and signatures stay good.

    Raises:
        KraftwerkError: a node can't be reached.
    """
    packed = source.run(["tar", "--create", "--directory", SECRETS, instance.name]).stdout
    into.run(["sh", "-ec", UNPACK, "kraftwerk-secrets", SECRETS, instance.name], input=packed)


def copy_release(plan: Plan, on_progress: OnProgress) -> None:
    """Bring the live release; its virtualenv as it is where both nodes' Python is the same, else made anew.

    Raises:
        KraftwerkError: a node can't be reached, or the virtualenv can't be made there.
    """
    source, into, instance = plan.source.connection, plan.into.connection, plan.into.instance
    number = plan.release.number
    folder = instance.release_folder(number)
    into.script(script("prepare"), instance.name, str(number))
    there = into.run(["test", "-d", str(folder)], check=False).returncode == 0
    target = folder if there else PurePosixPath(f"{folder}.part")
    theirs = ["--exclude=/.kraftwerk-env"]  # its environment is the other node's
    relay.copy(source, plan.source.instance.release_folder(number), into, target, on_progress, theirs)
    if not there:
        into.script(script("land"), instance.name, str(number), plan.release.as_json())
    if _machine(source, plan.history.python) == _machine(into, releases.read(into, instance).python):
        venv = _copy_virtualenv(plan, on_progress)
    else:
        venv = _make_virtualenv(plan, on_progress)
    nodevenv.give(into, instance, number, venv)


def _machine(connection: Connection, python: str) -> tuple[str, str]:
    """Return what a virtualenv must be made for."""
    return python, connection.text(["uname", "-m"])


def _copy_virtualenv(plan: Plan, on_progress: OnProgress) -> str:
    """Bring a virtualenv; its mark of being whole comes last, as rsync goes through names in their order."""
    name = plan.release.virtualenv
    folder = plan.into.instance.root / "venvs" / name
    plan.into.connection.run(["install", "-d", "-o", "web", "-g", "web", str(folder)])
    relay.copy(plan.source.connection, folder, plan.into.connection, folder, on_progress)
    return name


def _make_virtualenv(plan: Plan, on_progress: OnProgress) -> str:
    """Make the virtualenv by the requirements of the release that moves, not by those of the folder here."""
    on_progress("virtualenv")
    source, into, instance = plan.source.connection, plan.into.connection, plan.into.instance
    number = plan.release.number
    with tempfile.TemporaryDirectory(prefix="kraftwerk-release-") as folder:
        packed = source.script(NAMED, str(instance.release_folder(number))).stdout
        process.run(["tar", "--extract", "--directory", folder, "--no-same-owner"], input=packed)
        wanted = requirements.find(Path(folder), instance)
    name = nodevenv.name(wanted, releases.read(into, instance).python, number)
    nodevenv.build(into, instance, wanted, number, name)
    return name
