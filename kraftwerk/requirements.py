"""What a project needs installed: read, hashed, compared, and turned into uv's command lines. Starts nothing."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.lockfiles import kinds, reading
from kraftwerk.lockfiles.said import Choice, Said, Source
from kraftwerk.requirements_text import bracketed, normal, package_name

NODE_UV = "/opt/kraftwerk/uv/bin/uv"
NODE_PYTHONS = "/opt/kraftwerk/python"  # those that uv fetched (salt/python)
READY = ".kraftwerk-ready"  # in a node's virtualenv that is whole; one without it is made again
SERVERS = {
    "wsgi": ("gunicorn>=23",),
    "asgi": ("gunicorn>=23", "uvicorn-worker>=0.3", "uvicorn>=0.31", "websockets>=13"),
}

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Requirements(Said):
    """What a project needs: what its files say, and what else is installed.

    Attributes:
        root: the project's folder, where the files were read.
        folder: the one below it that the files are relative to.
        choice: the optional parts that are wanted.
        install: the folder of the project's own package, seen from root, which is installed, too; empty: none is.
        servers: what serves it.
    """

    root: Path = Path()
    folder: str = "."
    choice: Choice = field(default_factory=Choice)
    install: str = ""
    servers: tuple[str, ...] = SERVERS["wsgi"]

    @property
    def extra(self) -> tuple[str, ...]:
        """Return what kraftwerk adds: the server, unless the project names it or has it locked."""
        known = self.names | self.pinned
        return tuple(line for line in self.servers if package_name(line) not in known)


def find(root: Path, instance: Instance | None = None) -> Requirements:
    """Read a project's requirements: the files that it says, else the first that is found (see lockfiles.kinds).

    Args:
        root: the project's folder.
        instance: what its kraftwerk.yaml says of them, and of what serves it.

    Raises:
        KraftwerkError: a file is broken, missing or outside of the project, or a lock is stale (code 2).
    """
    if instance is None:
        return Requirements(**vars(_first(root, Choice())[0]), root=root)
    choice = Choice(instance.extras, instance.groups)
    said, folder = (
        _first(root, choice, instance.src) if instance.requirements is None else _named(root, choice, instance)
    )
    install = _packaged(root, instance.src) if instance.install else ""
    return Requirements(
        **{**vars(said), "local": (*said.local, *((install,) if install else ()))},
        root=root,
        folder=folder,
        choice=choice,
        install=install,
        servers=SERVERS["asgi" if instance.asgi else "wsgi"],
    )


def _first(root: Path, choice: Choice, src: str = ".") -> tuple[Said, str]:
    """Return what the first file says that says anything, and the folder that it is in."""
    for folder in dict.fromkeys((".", src)):
        for file in kinds.candidates(root / folder):
            said = reading.read(Source(root / folder, str(kinds.kind(file)), (file,), choice))
            if said is not None:
                return said, folder
    return Said(), "."


def _named(root: Path, choice: Choice, instance: Instance) -> tuple[Said, str]:
    """Return what the files say that kraftwerk.yaml names, and the folder that they are relative to."""
    files = instance.requirements or ()
    if not files:
        return Said(), "."
    if {kinds.kind(file) for file in files} == {kinds.TEXT}:
        return reading.read(Source(root, kinds.TEXT, files, choice)) or Said(), "."
    if len(files) > 1:
        raise KraftwerkError("requirements: only files like requirements.txt can be several", code=2)
    folder, _, name = files[0].rpartition("/")
    said = reading.read(Source(root / folder, str(kinds.kind(name)), (name,), choice))
    if said is None:
        raise KraftwerkError(f"requirements: {files[0]} names none", code=2)
    return said, folder or "."


def _packaged(root: Path, src: str) -> str:
    """Return the folder whose package can be installed.

    Raises:
        KraftwerkError: there is none (code 2).
    """
    for folder in (".", src):
        if any((root / folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
            return folder
    raise KraftwerkError("install: there is neither pyproject.toml nor setup.py to install it by", code=2)


def digest(requirements: Requirements, python_version: str, extra: Sequence[str] = ()) -> str:
    """Return a short hash that names the virtualenv: equal for equal requirements, Python and extra words.

    Args:
        requirements: what `find` returned.
        python_version: the node's, such as 3.11.2.
        extra: whatever else it depends on; a release's number when `requirements.local` isn't empty.
    """
    words = [requirements.kind, *requirements.content, *requirements.extra, python_version, *extra]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:12]


def venv_argv(venv: str, python: str = "3", uv: str = NODE_UV) -> Argv:
    """Return the command that makes an empty virtualenv, in place of whatever is there."""
    managed = ("env", f"UV_PYTHON_INSTALL_DIR={NODE_PYTHONS}")
    flags = ("--quiet", "--clear", "--no-project", "--no-python-downloads")
    return (*managed, uv, "venv", *flags, "--python", python, venv)


def install_argv(requirements: Requirements, *, folder: str, venv: str, uv: str = NODE_UV) -> list[Argv]:
    """Return the commands that install requirements into a virtualenv, to be run one after the other.

    Each gets `requirements.text` on its stdin. The project itself is installed only where it says so: else it runs
    from its release. What kraftwerk adds comes by a command of its own, so that it changes nothing that is locked.

    Args:
        requirements: what `find` returned.
        folder: where the project's files are, an uploaded release for example.
        venv: the virtualenv's folder.
        uv: the uv to call; on a node the one that the states installed.
    """
    common = ("--python", f"{venv}/bin/python", "--compile-bytecode")
    there = folder if requirements.folder == "." else f"{folder}/{requirements.folder}"
    install = (uv, "--directory", there, "pip", "install", *common)
    commands: list[Argv] = []
    if requirements.kind == "uv.lock":
        flags = ("--frozen", "--inexact", "--no-dev", *([] if requirements.install else ["--no-install-project"]))
        environment = ("env", f"UV_PROJECT_ENVIRONMENT={venv}")
        sync = (uv, "--directory", there, "sync", *flags, "--no-python-downloads", *chosen_argv(requirements))
        commands.append((*environment, *sync, *common))
    elif requirements.text:
        commands.append((*install, "-r", "-"))
    elif requirements.reads:
        commands.append((*install, *_read(requirements), *chosen_argv(requirements)))
    if requirements.install and requirements.kind != "uv.lock":
        own = f"./{requirements.install}{bracketed(requirements.choice.extras)}"
        commands.append((uv, "--directory", folder, "pip", "install", *common, "-e", own))
    if requirements.extra:
        commands.append((*install, *requirements.extra))
    return commands


def _read(requirements: Requirements) -> list[str]:
    """Return the options that have uv read files."""
    return [word for file in requirements.reads for word in ("-r", file)]


def chosen_argv(requirements: Requirements) -> list[str]:
    """Return the options that choose optional parts, where uv reads a file that has such."""
    if kinds.kind(requirements.kind) == kinds.TEXT:
        return []
    extras = [word for extra in requirements.choice.extras for word in ("--extra", extra)]
    return extras + [word for group in requirements.choice.groups for word in ("--group", group)]


def build_argv(
    requirements: Requirements, *, folder: str, venv: str, python: str = "3", uv: str = NODE_UV
) -> list[Argv]:
    """Return all commands that make a node's virtualenv; the last one marks it as whole (see READY)."""
    installs = install_argv(requirements, folder=folder, venv=venv, uv=uv)
    return [venv_argv(venv, python, uv), *installs, ("touch", f"{venv}/{READY}")]


def resolve_argv(requirements: Requirements, python_version: str, uv: str) -> list[Argv]:
    """Return the commands that print what would be installed, as `name==version` lines.

    They are run in `requirements.folder`. The last one reads more from stdin: the output of the one before it, if any,
    else `requirements.text`; and `requirements.extra`.
    """
    plain = ("--quiet", "--no-annotate", "--no-header")
    export = (
        uv,
        "export",
        *plain,
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-hashes",
        *chosen_argv(requirements),
    )
    target = ("--python-version", python_version, "--python-platform", "linux", "--no-python-downloads")
    compile_ = (uv, "pip", "compile", *plain, *target)
    if requirements.kind == "uv.lock":
        return [export, (*compile_, "-")]
    chosen = chosen_argv(requirements) if requirements.reads else []
    return [(*compile_, *chosen, *requirements.reads, "-")]


def parse_pins(text: str) -> dict[str, str]:
    """Return the versions by name in what `uv pip compile`, `uv pip freeze` or `uv pip install --dry-run` printed.

    Packages that come from an address or a folder have that as their version.
    """
    lines = [re.sub(r"^\s*\+\s+", "", line).strip() for line in text.splitlines() if not line.lstrip().startswith("-")]
    pins = [re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?:==|@)\s*([^\s;]+)", line) for line in lines]
    return {normal(pin[1]): pin[2] for pin in pins if pin}


@dataclass(frozen=True)
class Changes:
    """How a virtualenv differs from the one before: versions by name, (old, new) for what changed."""

    added: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]
    removed: Mapping[str, str]

    def lines(self, first: Collection[str] = (), limit: int | None = 3) -> list[str]:
        """Return the changes as the plan prints them: `+6: django 5.2.8, gunicorn 23.0.0, psycopg 3.2.12 …`.

        Args:
            first: the packages to name before others, such as those that the project names itself.
            limit: how many are named on each line; None is all of them.
        """
        marks = {
            "+": {name: f"{name} {version}" for name, version in self.added.items()},
            "~": {name: f"{name} {old} → {new}" for name, (old, new) in self.changed.items()},
            "-": {name: f"{name} {version}" for name, version in self.removed.items()},
        }
        return [_line(mark, words, first, limit) for mark, words in marks.items() if words]


def _line(mark: str, words: Mapping[str, str], first: Collection[str], limit: int | None) -> str:
    order = sorted(words, key=lambda name: (name not in first, name))
    named = ", ".join(words[name] for name in order[:limit])
    return f"{mark}{len(words)}: {named}{'' if limit is None or len(words) <= limit else ' …'}"


def diff(installed: Mapping[str, str], wanted: Mapping[str, str]) -> Changes:
    """Return what changes from the installed versions to the wanted ones, both by normalized name."""
    both = installed.keys() & wanted.keys()
    return Changes(
        added={name: wanted[name] for name in sorted(wanted.keys() - installed.keys())},
        changed={name: (installed[name], wanted[name]) for name in sorted(both) if installed[name] != wanted[name]},
        removed={name: installed[name] for name in sorted(installed.keys() - wanted.keys())},
    )
