"""What a project needs installed: read, hashed, compared, and turned into uv's command lines. Starts nothing."""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kraftwerk import uvlock
from kraftwerk.errors import KraftwerkError
from kraftwerk.requirements_text import is_local, normal, package_name, read_lines

NODE_UV = "/opt/kraftwerk/uv/bin/uv"
READY = ".kraftwerk-ready"  # in a node's virtualenv that is whole; one without it is made again
SERVER = "gunicorn>=23"

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Requirements:
    """What a project needs.

    Attributes:
        root: the project's folder, where the files were read.
        kind: requirements.txt, pyproject.toml, uv.lock, or "" where a project names nothing.
        files: the files read, relative to root; with those that -r and -c pull in.
        content: what of them decides on the virtualenv; comments and tools' settings don't.
        names: the packages named by the project itself, normalized.
        local: requirements that are folders of the release (`-e .`): such a virtualenv can't outlive its release.
    """

    root: Path
    kind: str = ""
    files: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    local: tuple[str, ...] = ()

    @property
    def extra(self) -> tuple[str, ...]:
        """Return what kraftwerk adds: the server, unless the project names it."""
        return () if "gunicorn" in self.names else (SERVER,)


def find(root: Path) -> Requirements:
    """Read a project's requirements: requirements.txt, else pyproject.toml with its uv.lock where there is one.

    Raises:
        KraftwerkError: a file is broken, missing or outside of the project (code 2).
    """
    if (root / "requirements.txt").is_file():
        return _from_text(root)
    if not (root / "pyproject.toml").is_file():
        return Requirements(root)
    pyproject = _toml(root, "pyproject.toml")
    if (root / "uv.lock").is_file():
        return _from_lock(root, pyproject)
    if "project" not in pyproject:
        return Requirements(root)
    return _from_pyproject(root, pyproject)


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
    return (uv, "venv", "--quiet", "--clear", "--no-project", "--no-python-downloads", "--python", python, venv)


def install_argv(requirements: Requirements, *, folder: str, venv: str, uv: str = NODE_UV) -> list[Argv]:
    """Return the commands that install requirements into a virtualenv, to be run one after the other.

    The project itself isn't installed: it runs from its release. What kraftwerk adds comes by a command of its own, as
    uv refuses a requirement without hash beside ones with hashes.

    Args:
        requirements: what `find` returned.
        folder: where the project's files are, an uploaded release for example.
        venv: the virtualenv's folder.
        uv: the uv to call; on a node the one that the states installed.
    """
    python = f"{venv}/bin/python"
    common = ("--python", python, "--compile-bytecode")
    commands: list[Argv] = []
    if requirements.kind == "uv.lock":
        flags = ("--frozen", "--inexact", "--no-dev", "--no-install-project", "--no-python-downloads")
        environment = ("env", f"UV_PROJECT_ENVIRONMENT={venv}")
        commands.append((*environment, uv, "--directory", folder, "sync", *flags, *common))
    elif requirements.kind:
        commands.append((uv, "--directory", folder, "pip", "install", *common, "-r", requirements.kind))
    if requirements.extra:
        commands.append((uv, "--directory", folder, "pip", "install", *common, *requirements.extra))
    return commands


def build_argv(
    requirements: Requirements, *, folder: str, venv: str, python: str = "3", uv: str = NODE_UV
) -> list[Argv]:
    """Return all commands that make a node's virtualenv; the last one marks it as whole (see READY)."""
    installs = install_argv(requirements, folder=folder, venv=venv, uv=uv)
    return [venv_argv(venv, python, uv), *installs, ("touch", f"{venv}/{READY}")]


def resolve_argv(requirements: Requirements, python_version: str, uv: str) -> list[Argv]:
    """Return the commands that print what would be installed, as `name==version` lines; run them in the project.

    The last one reads more from stdin: the output of the one before it, if any, and `requirements.extra`.
    """
    plain = ("--quiet", "--no-annotate", "--no-header")
    export = (uv, "export", *plain, "--frozen", "--no-dev", "--no-emit-project", "--no-hashes")
    target = ("--python-version", python_version, "--python-platform", "linux", "--no-python-downloads")
    files = (requirements.kind,) if requirements.kind in ("requirements.txt", "pyproject.toml") else ()
    compile_ = (uv, "pip", "compile", *plain, *target, *files, "-")
    return [export, compile_] if requirements.kind == "uv.lock" else [compile_]


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

    def lines(self, first: Collection[str] = (), limit: int = 3) -> list[str]:
        """Return the changes as the plan prints them: `+6: django 5.2.8, gunicorn 23.0.0, psycopg 3.2.12 …`.

        Args:
            first: the packages to name before others, such as those that the project names itself.
            limit: how many are named on each line.
        """
        marks = {
            "+": {name: f"{name} {version}" for name, version in self.added.items()},
            "~": {name: f"{name} {old} → {new}" for name, (old, new) in self.changed.items()},
            "-": {name: f"{name} {version}" for name, version in self.removed.items()},
        }
        return [_line(mark, words, first, limit) for mark, words in marks.items() if words]


def _line(mark: str, words: Mapping[str, str], first: Collection[str], limit: int) -> str:
    order = sorted(words, key=lambda name: (name not in first, name))
    named = ", ".join(words[name] for name in order[:limit])
    return f"{mark}{len(words)}: {named}{' …' if len(words) > limit else ''}"


def diff(installed: Mapping[str, str], wanted: Mapping[str, str]) -> Changes:
    """Return what changes from the installed versions to the wanted ones, both by normalized name."""
    both = installed.keys() & wanted.keys()
    return Changes(
        added={name: wanted[name] for name in sorted(wanted.keys() - installed.keys())},
        changed={name: (installed[name], wanted[name]) for name in sorted(both) if installed[name] != wanted[name]},
        removed={name: installed[name] for name in sorted(installed.keys() - wanted.keys())},
    )


def _from_text(root: Path) -> Requirements:
    files: list[str] = []
    lines = list(read_lines(root, "requirements.txt", files))
    return Requirements(
        root=root,
        kind="requirements.txt",
        files=tuple(files),
        content=tuple(lines),
        names=frozenset(filter(None, map(package_name, lines))),
        local=tuple(filter(is_local, lines)),
    )


def _toml(root: Path, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads((root / file).read_text())
    except tomllib.TOMLDecodeError as error:
        raise KraftwerkError(f"{file}: {error}", code=2) from error


def _from_pyproject(root: Path, pyproject: Mapping[str, Any]) -> Requirements:
    project, settings = pyproject.get("project", {}), pyproject.get("tool", {}).get("uv", {})
    wanted = [str(line) for line in project.get("dependencies", [])]
    kept = [*wanted, f"python {project.get('requires-python', '')}", json.dumps(settings, sort_keys=True, default=str)]
    sources = settings.get("sources", {})
    return Requirements(
        root=root,
        kind="pyproject.toml",
        files=("pyproject.toml",),
        content=tuple(kept),
        names=frozenset(filter(None, map(package_name, wanted))),
        local=tuple(name for name, source in sources.items() if "path" in source or "workspace" in source),
    )


def _from_lock(root: Path, pyproject: Mapping[str, Any]) -> Requirements:
    plain, lock = _from_pyproject(root, pyproject), _toml(root, "uv.lock")
    own = normal(str(pyproject.get("project", {}).get("name", "")))
    dynamic = "dependencies" in pyproject.get("project", {}).get("dynamic", [])
    if changed := [] if dynamic else uvlock.stale(pyproject.get("project", {}).get("dependencies", []), lock, own):
        cause = f"uv.lock was made for other requirements than pyproject.toml names: {', '.join(changed)}"
        raise KraftwerkError(cause, next_command="uv lock", code=2)
    others = [package for package in lock.get("package", []) if package["name"] != own]
    folders = {"directory", "editable", "path"}
    return Requirements(
        root=root,
        kind="uv.lock",
        files=("pyproject.toml", "uv.lock"),
        content=(*plain.content, json.dumps(lock, sort_keys=True, default=str)),
        names=plain.names,
        local=tuple(package["name"] for package in others if folders & package.get("source", {}).keys()),
    )
