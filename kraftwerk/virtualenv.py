"""Virtualenvs on this machine, made by uv; the ones on nodes are made by `deploy` from requirements.build_argv."""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

import uv

from kraftwerk import process
from kraftwerk.errors import KraftwerkError
from kraftwerk.instance import Instance
from kraftwerk.requirements import Argv, Requirements, find, install_argv, parse_pins, resolve_argv

CERTIFICATES = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}  # this machine's own; older uv knows the second name
PATIENCE = 600  # seconds for a slow network
UNREACHABLE = ("failed to fetch", "error sending request", "connection refused", "dns error", "timed out", "network")


def uv_program() -> str:
    """Return the path of the uv that is installed with kraftwerk.

    Raises:
        KraftwerkError: it isn't there.
    """
    try:
        return uv.find_uv_bin()
    except FileNotFoundError as error:
        raise KraftwerkError("uv is not installed beside kraftwerk", next_command="pip install uv") from error


def create_argv(folder: str, prompt: str, program: str, python: str, *, fetch: bool = False) -> Argv:
    """Return the command that makes a virtualenv in a folder, which may be renamed later and may hold other files.

    Args:
        folder: the virtualenv's.
        prompt: what the shell's prompt shows.
        program: the uv to call.
        python: an interpreter or a version.
        fetch: whether uv may fetch a Python that isn't here.
    """
    here = () if fetch else ("--no-python-downloads",)
    flags = ("--quiet", "--allow-existing", "--relocatable", "--no-project", *here)
    return (program, "venv", *flags, "--prompt", prompt, "--python", python, folder)


def create(folder: Path, prompt: str, python: str = "", *, hidden: bool = False) -> None:
    """Make an empty virtualenv in a folder.

    uv leaves a .gitignore that hides everything and a tag that keeps backups away; neither is right for a project.

    Args:
        folder: the virtualenv's; a project's own, or one in it.
        prompt: what the shell's prompt shows.
        python: a version, from this machine or fetched by uv; "" is the Python that runs kraftwerk.
        hidden: the folder is in a project, and git and backups may pass it by.

    Raises:
        KraftwerkError: that version isn't here and can't be fetched.
    """
    argv = create_argv(str(folder), prompt, uv_program(), python or sys.executable, fetch=bool(python))
    done = process.run(argv, env=CERTIFICATES, timeout=PATIENCE, check=not python)
    if done.returncode:
        raise _no_python(python, done.stderr.decode(errors="replace"))
    if not hidden:
        _remove(folder, ".gitignore", "CACHEDIR.TAG")


def _no_python(python: str, said: str) -> KraftwerkError:
    """Return that a version of Python is neither here nor to be had, with those that are here."""
    argv = (uv_program(), "python", "list", "--only-installed", "--output-format", "json")
    found = process.run(argv, timeout=60, check=False).stdout
    versions = sorted({each["version"] for each in json.loads(found or b"[]")}, reverse=True)
    here = f", which has {', '.join(versions)}" if versions else ""
    return KraftwerkError(f"Python {python} isn't on this computer{here}, and uv can't fetch it: {_unreachable(said)}")


def install(folder: Path, venv: Path | None = None, instance: Instance | None = None) -> None:
    """Install a project's requirements into a virtualenv, without a network from uv's cache.

    Args:
        folder: the project's.
        venv: the virtualenv's; None is the project's folder.
        instance: what its kraftwerk.yaml says of its requirements.

    Raises:
        KraftwerkError: no index is in reach, or the requirements can't be met; the message says which.
    """
    requirements = find(folder, instance)
    for argv in install_argv(requirements, folder=str(folder), venv=str(venv or folder), uv=uv_program()):
        run_uv(argv, requirements.text.encode())
    _remove(venv or folder, ".lock")


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def add(venv: Path, *packages: str) -> None:
    """Install packages into a virtualenv.

    Raises:
        KraftwerkError: as `install`.
    """
    run_uv((uv_program(), "pip", "install", "--python", str(venv / "bin" / "python"), *packages))


def resolve(requirements: Requirements, python_version: str) -> dict[str, str]:
    """Return the versions, by name, that a node with this Python would get now; asked of the index from here.

    Raises:
        KraftwerkError: no index is in reach, or the requirements can't be met.
    """
    text = requirements.text.encode()
    folder = requirements.root / requirements.folder
    commands = resolve_argv(requirements, python_version, uv_program())
    for argv in commands:
        last = argv is commands[-1]
        text = run_uv(argv, text + "\n".join(requirements.extra).encode() if last else text, folder)
    return parse_pins(text.decode())


def headline(folder: Path, template: str) -> str:
    """Return what a virtualenv is about: the template's package and version, `Django 5.2`, or the template's name."""
    packages = folder.glob("lib/python*/site-packages")
    for found in importlib.metadata.distributions(path=[str(path) for path in packages]):
        if found.name.lower() == template.lower():
            return f"{found.name} {'.'.join(found.version.split('.')[:2])}"
    return template


def run_uv(argv: Argv, text: bytes = b"", folder: Path | None = None) -> bytes:
    """Run uv with the machine's own index and certificates; where the index isn't in reach, with its cache alone."""
    settings = {**CERTIFICATES, "UV_NO_PROGRESS": "1", "UV_HTTP_RETRIES": "1", "VIRTUAL_ENV": ""}
    index = os.environ.get("PIP_INDEX_URL")
    if index and not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        settings["UV_DEFAULT_INDEX"] = index
    done = process.run(argv, input=text, env=settings, cwd=folder, timeout=PATIENCE, check=False)
    said = (done.stderr or b"").decode(errors="replace")
    if done.returncode and any(sign in said.lower() for sign in UNREACHABLE):
        settings["UV_OFFLINE"] = "1"
        done = process.run(argv, input=text, env=settings, cwd=folder, timeout=PATIENCE, check=False)
        if done.returncode:
            raise KraftwerkError(f"no package index in reach, and uv's cache is not enough: {_unreachable(said)}")
    if done.returncode:
        raise KraftwerkError(_cause(said))
    return done.stdout


def _unreachable(said: str) -> str:
    """Return the line of uv's error that names the address it couldn't reach."""
    lines = [line for line in said.splitlines() if "://" in line]
    return lines[0].split("cause: ")[-1].strip(" ╰├▶─│").removeprefix("error: ") if lines else _cause(said)


def _cause(said: str) -> str:
    """Return uv's error as one line: its first sentence of substance, without the drawing around it."""
    lines = [line.strip(" ×╰├▶─│") for line in said.splitlines()]
    errors = [line for line in lines if line and not line.startswith(("Using Python", "Resolved", "warning:", "hint:"))]
    return " ".join(errors[:3]).removeprefix("error: ") or "uv failed and said nothing"
