"""What a deploy takes along where nodes reach no index: the wheels of a release, what builds its folders, and uv."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kraftwerk import requirements, screen
from kraftwerk.instance import Instance
from kraftwerk.requirements import NODE_UV, Argv, Requirements
from kraftwerk.transport import Connection
from kraftwerk.wheels import aim, house, store, wanted
from kraftwerk.wheels.wheel import Wheel


@dataclass(frozen=True)
class Cargo:
    """What is taken along.

    Attributes:
        folder: of the wheels here.
        wheels: those that are installed.
        tools: those that only build folders of the project.
        folders: these, as pip takes them.
        within: the folder of the release that they are relative to.
        uv: where the node has none.
        lacking: those of all that the node's store doesn't have.
    """

    folder: Path
    wheels: tuple[Wheel, ...]
    tools: tuple[Wheel, ...] = ()
    folders: tuple[str, ...] = ()
    within: str = "."
    uv: Wheel | None = None
    lacking: tuple[Wheel, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        """Return the versions of what is installed, by name."""
        return {wheel.name: wheel.version for wheel in self.wheels}

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what decides on the virtualenv: the hashes."""
        return tuple(sorted(wheel.sha256 for wheel in (*self.wheels, *self.tools)))

    @property
    def words(self) -> str:
        """Return what is taken along, for a plan: `12 of wheels, 3 to send (1.4 MB)`."""
        count = sum(wheel.path.stat().st_size for wheel in self.lacking)
        sending = f"{len(self.lacking)} to send ({screen.size(count)})" if self.lacking else "all are on the node"
        return f"{len(self.wheels)} of {self.folder}, {sending}; no index is asked"

    def build_argv(self, listed: str, *, venv: str, release: str, python: str) -> list[Argv]:
        """Return the commands that make a virtualenv on the node; the last one marks it as whole. No index is asked.

        Args:
            listed: the file with the wheels and their hashes.
            venv: the virtualenv's folder.
            release: the folder of the release.
            python: its version.
        """
        installs = self._install_argv(listed, venv, release)
        return [requirements.venv_argv(venv, python), *installs, ("touch", f"{venv}/{requirements.READY}")]

    def _install_argv(self, listed: str, venv: str, release: str) -> list[Argv]:
        alone = ("--no-config", "--no-sources", "--offline", "--no-index", "--no-deps")
        common = ("--python", f"{venv}/bin/python", "--compile-bytecode", *alone)
        found = [word for wheel in self.wheels for word in store.find_links(wheel)]
        start = (NODE_UV, "--directory", f"{release}/{self.within}", "pip", "install", *common)
        commands: list[Argv] = [(*start, "--require-hashes", *found, "-r", listed)] if self.wheels else []
        if self.folders:
            building = [word for wheel in (*self.wheels, *self.tools) for word in store.find_links(wheel)]
            commands.append((*start, *building, *self.folders))
        return commands


def pack(folder: Path, needed: Requirements, connection: Connection, instance: Instance, python: str = "") -> Cargo:
    """Work out what is taken along; nothing is changed by it.

    Args:
        folder: of the wheels.
        needed: what the project requires.
        connection: to the node.
        instance: what is deployed there.
        python: the version of its Python, as far as the node has it already.

    Raises:
        KraftwerkError: wheels are missing or changed, or don't go together; the node can't be reached.
    """
    held = house.existing(folder)
    target = aim.of_node(connection, instance.python, python)
    lines = wanted.lines(needed)
    root = wanted.root(needed)
    wheels = tuple(held.resolve(lines, target, root))
    folders = wanted.folders(lines, root)
    tools = tuple(held.resolve(wanted.backends(root, folders), target)) if folders else ()
    uv = None if store.has_uv(connection) else held.resolve([wanted.UV], target)[0]
    everything = (*wheels, *tools, *([uv] if uv else []))
    lacking = tuple(store.lacking(connection, everything))
    own = [word for line in wanted.installed(needed) for word in line.split(" ", 1)]
    others = [each for each in folders if not own or each != own[1]]
    return Cargo(folder, wheels, tools, (*others, *own), needed.folder, uv, lacking)


def bring(cargo: Cargo, connection: Connection, on_progress: Callable[[str], None]) -> int:
    """Send what the node lacks, and give it uv where it has none; return how many wheels were sent.

    Raises:
        KraftwerkError: the node can't be reached, or its disk is full.
    """
    store.send(connection, cargo.lacking, on_progress)
    if cargo.uv is not None:
        store.place_uv(connection, cargo.uv)
    return len(cargo.lacking)


def digest(cargo: Cargo | None) -> tuple[str, ...]:
    """Return the words that tell a virtualenv made of wheels from others of the same requirements."""
    return ("wheels", *cargo.marks) if cargo else ()
