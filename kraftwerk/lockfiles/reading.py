"""Files of requirements read, each kind in its own way."""

import configparser
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kraftwerk.errors import KraftwerkError
from kraftwerk.lockfiles import kinds, pdm, pipenv, poetry, pylock, standard, uvlock
from kraftwerk.lockfiles.pin import Locked
from kraftwerk.lockfiles.said import Said, Source
from kraftwerk.requirements_text import is_local, normal, package_name, read_lines

Table = Mapping[str, Any]


def read(source: Source) -> Said | None:
    """Return what files say, or None where they are of a kind that says nothing here: settings of tools alone.

    Raises:
        KraftwerkError: a file is broken, missing, outside of the project, or older than what it was made from (code 2).
    """
    for file in source.files:
        if not (source.root / file).is_file():
            raise KraftwerkError(f"requirements: there is no {file}", code=2)
    try:
        return READERS[source.kind](source)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KraftwerkError(f"{source.files[0]} can't be understood: {error!r}", code=2) from error


def _text(source: Source) -> Said:
    files: list[str] = []
    lines = [line for file in source.files for line in read_lines(source.root, file, files)]
    return Said(
        kind=source.files[0],
        files=tuple(files),
        content=tuple(lines),
        names=frozenset(filter(None, map(package_name, lines))),
        local=tuple(filter(is_local, lines)),
        reads=source.files,
        lines=tuple(line.partition(" --hash")[0] for line in lines),
    )


def _pyproject(source: Source) -> Said | None:
    pyproject = _toml(source, "pyproject.toml")
    if "project" in pyproject:
        return _standard(source, pyproject)
    if "dependencies" not in pyproject.get("tool", {}).get("poetry", {}):
        return None
    lines = poetry.unlocked(pyproject, *_parts(source))
    return _from_lines(lines, kind="pyproject.toml", files=("pyproject.toml",), python=poetry.python(pyproject))


def _standard(source: Source, pyproject: Table) -> Said:
    """Return what the standard table [project] says."""
    settings = pyproject.get("tool", {}).get("uv", {})
    wanted = standard.lines(pyproject, *_parts(source))
    python = str(pyproject["project"].get("requires-python", ""))
    sources = settings.get("sources", {})
    return Said(
        kind="pyproject.toml",
        files=("pyproject.toml",),
        content=(*wanted, f"python {python}", json.dumps(settings, sort_keys=True, default=str)),
        names=frozenset(filter(None, map(package_name, wanted))),
        local=tuple(name for name, said in sources.items() if "path" in said or "workspace" in said),
        reads=("pyproject.toml",),
        lines=tuple(wanted),
        python=python,
    )


def _uv(source: Source) -> Said:
    pyproject = _toml(source, "pyproject.toml")
    plain, lock = _standard(source, {"project": {}, **pyproject}), _toml(source, "uv.lock")
    project = pyproject.get("project", {})
    own = normal(str(project.get("name", "")))
    if "dependencies" not in project.get("dynamic", []):
        _refuse("uv.lock", uvlock.stale(project.get("dependencies", []), lock, own), "uv lock")
    others = [package for package in lock.get("package", []) if package["name"] != own]
    folders = {"directory", "editable", "path"}
    return replace(
        plain,
        kind="uv.lock",
        files=("pyproject.toml", "uv.lock"),
        content=(*plain.content, _json(lock)),
        local=tuple(package["name"] for package in others if folders & package.get("source", {}).keys()),
        reads=(),
    )


def _poetry(source: Source) -> Said:
    pyproject, lock = _toml(source, "pyproject.toml"), _toml(source, "poetry.lock")
    found = poetry.locked(pyproject, lock, *_parts(source))
    python = str(pyproject.get("project", {}).get("requires-python", "")) or poetry.python(pyproject)
    return replace(_locked("poetry.lock", found, "poetry lock"), files=("pyproject.toml", "poetry.lock"), python=python)


def _pdm(source: Source) -> Said:
    pyproject, lock = _toml(source, "pyproject.toml"), _toml(source, "pdm.lock")
    found = pdm.locked(pyproject, lock, *_parts(source))
    python = str(pyproject.get("project", {}).get("requires-python", ""))
    return replace(_locked("pdm.lock", found, "pdm lock"), files=("pyproject.toml", "pdm.lock"), python=python)


def _pylock(source: Source) -> Said:
    file = source.files[0]
    lock = _toml(source, file)
    found = _locked(file, pylock.locked(lock, *_parts(source)), "")
    return replace(found, files=(file,), python=str(lock.get("requires-python", "")))


def _pipenv(source: Source) -> Said:
    try:
        lock = json.loads((source.root / "Pipfile.lock").read_text())
    except ValueError as error:
        raise KraftwerkError(f"Pipfile.lock: {error}", code=2) from error
    there = (source.root / "Pipfile").is_file()
    pipfile = _toml(source, "Pipfile") if there else {}
    found = _locked("Pipfile.lock", pipenv.locked(pipfile, lock, source.choice.groups), "pipenv lock")
    return replace(found, files=(*(("Pipfile",) if there else ()), "Pipfile.lock"))


def _pipfile(source: Source) -> Said:
    lines = pipenv.unlocked(_toml(source, "Pipfile"), source.choice.groups)
    return _from_lines(lines, kind="Pipfile", files=("Pipfile",))


def _setup_cfg(source: Source) -> Said | None:
    found = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        found.read_string((source.root / "setup.cfg").read_text())
    except configparser.Error as error:
        raise KraftwerkError(f"setup.cfg: {error}".replace("\n", " "), code=2) from error
    if not found.has_section("options"):
        return None
    wanted = found.get("options", "install_requires", fallback="").splitlines()
    for extra in source.choice.extras:
        wanted += found.get("options.extras_require", extra, fallback="").splitlines()
    lines = [line.strip() for line in wanted if line.strip()]
    said = _from_lines(lines, kind="setup.cfg", files=("setup.cfg",), text=False)
    return replace(said, reads=("setup.cfg",), python=found.get("options", "python_requires", fallback=""))


def _setup_py(source: Source) -> Said:
    """Return what a setup.py says: whatever uv finds out by running it on the node."""
    return Said(
        kind="setup.py", files=("setup.py",), content=((source.root / "setup.py").read_text(),), reads=("setup.py",)
    )


READERS: Mapping[str, Callable[[Source], Said | None]] = {
    kinds.TEXT: _text,
    "pyproject.toml": _pyproject,
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "pdm.lock": _pdm,
    "pylock.toml": _pylock,
    "Pipfile.lock": _pipenv,
    "Pipfile": _pipfile,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
}


def _parts(source: Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return source.choice.extras, source.choice.groups


def _locked(kind: str, found: Locked, renew: str) -> Said:
    """Return what a lock says, once it is found to belong to what it was made from."""
    _refuse(kind, found.stale, renew)
    said = _from_lines(found.lines(), kind=kind, files=())
    plain = tuple(line.partition(" --hash")[0] for line in said.content)
    pinned = frozenset(pin.name for pin in found.pins)
    return replace(said, names=found.direct, pinned=pinned, local=found.local, lines=plain)


def _from_lines(
    lines: Sequence[str], *, kind: str, files: tuple[str, ...], text: bool = True, python: str = ""
) -> Said:
    return Said(
        kind=kind,
        files=files,
        content=tuple(lines),
        names=frozenset(filter(None, map(package_name, lines))),
        local=tuple(filter(is_local, lines)),
        text="".join(f"{line}\n" for line in lines) if text else "",
        lines=tuple(lines),
        python=python,
    )


def _refuse(kind: str, stale: Sequence[str], renew: str) -> None:
    if stale:
        made_from = "Pipfile" if kind == "Pipfile.lock" else "pyproject.toml"
        cause = f"{kind} was made for other requirements than {made_from} names: {', '.join(stale)}"
        raise KraftwerkError(cause, next_command=renew, code=2)


def _toml(source: Source, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads((source.root / file).read_text())
    except FileNotFoundError as error:
        raise KraftwerkError(f"{source.files[0]}: there is no {file} beside it", code=2) from error
    except tomllib.TOMLDecodeError as error:
        raise KraftwerkError(f"{file}: {error}", code=2) from error


def _json(content: Table) -> str:
    return json.dumps(content, sort_keys=True, default=str)
