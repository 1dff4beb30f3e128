"""What the first node of a deploy made of a release: the others get just that, whatever an index has by then."""

from dataclasses import dataclass
from pathlib import Path

from kraftwerk import argv, migration, requirements
from kraftwerk.instance import Instance
from kraftwerk.remote import script
from kraftwerk.transport import Connection


@dataclass(frozen=True)
class Lead:
    """What a node leads others by.

    Attributes:
        node: its name.
        python: the version of its Python; what is installed is held to for the same one only.
        pins: what its virtualenv holds, as `name==version`.
        collected: an archive of what its release commands collected: others lay that down and don't run them. None
            where these have databases of their own, and run them.
    """

    node: str
    python: str = ""
    pins: tuple[str, ...] = ()
    collected: Path | None = None

    def limits(self, python: str) -> tuple[str, ...]:
        """Return the pins that hold for a node with that Python."""
        return self.pins if minor(python) == minor(self.python) else ()


def minor(version: str) -> str:
    """Return the part of a Python's version that packages are made for."""
    return ".".join(version.split(".")[:2])


def pins(connection: Connection, venv: str) -> tuple[str, ...]:
    """Return what a virtualenv on a node holds, as `name==version`; not what came from a folder or an address.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    words = [requirements.NODE_UV, "pip", "freeze", "--exclude-editable", "--python", f"{venv}/bin/python"]
    lines = connection.text(argv.as_user("web", ["env", "-C", "/web", "HOME=/web", *words])).splitlines()
    return tuple(line for line in lines if "==" in line and "@" not in line)


def commands(connection: Connection, instance: Instance, number: int, lead: Lead | None) -> int:
    """Run release commands, or take what they collected on the node that ran them; return how many migrations ran.

    Raises:
        KraftwerkError: one failed, or the node can't be reached.
    """
    if lead is None or lead.collected is None:
        return migration.run(connection, instance, number)
    lay(connection, instance, number, lead.collected)
    return 0


def collect(connection: Connection, instance: Instance, number: int, file: Path) -> None:
    """Write what release commands collected in a release to an archive here; it is empty where that was nothing.

    Raises:
        KraftwerkError: the node can't be reached.
    """
    arguments = (instance.name, str(number), instance.src, *instance.static.values())
    with file.open("wb") as out:
        connection.run(["sh", "-seu", "--", *arguments], input=script("collected").encode(), stdout=out)


def lay(connection: Connection, instance: Instance, number: int, file: Path) -> None:
    """Lay an archive of `collect` into a release, as the user that would have collected it.

    Raises:
        KraftwerkError: the node can't be reached, or the archive has what that user may not write.
    """
    folder = str(instance.release_folder(number) / instance.src)
    words = ["tar", "--extract", "--gzip", "--no-same-permissions", "--no-overwrite-dir", "--directory", folder]
    with file.open("rb") as packed:
        connection.run(argv.as_user(instance.user, words), stdin=packed)
