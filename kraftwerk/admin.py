"""The admin's own configuration: config.yaml, the key, the folders beside it; made at first use."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from kraftwerk import argv, process, schema, screen, secret, storekeys
from kraftwerk.errors import KraftwerkError
from kraftwerk.flock import held
from kraftwerk.node import known_hosts_file, private_key_file, roster_file
from kraftwerk.paths import PACKAGE, config_home, private, write_atomic
from kraftwerk.reactorconfig import ReactorConfig
from kraftwerk.schema import Value, Wrong, one_of, record, setting, text
from kraftwerk.virtualenvs import virtualenv

FOLDERS = ("keys", "salt", "pillar", "templates", "cloud.providers.d", "cloud.profiles.d")
SAMPLE = PACKAGE / "templates" / "config.yaml"
NAME = r"[a-z0-9][a-z0-9_-]*"
NAME_MEANING = "a name: lower-case letters, digits, dashes and underscores"


@dataclass(frozen=True)
class Local:
    """How local nodes are made.

    Attributes:
        release: the Debian release of a new one.
    """

    release: str = setting(one_of("bookworm", "trixie"), default="bookworm")


@dataclass(frozen=True)
class AdminConfig:
    """The keys of config.yaml.

    Attributes:
        provider: who runs a new node when nothing else is said.
        hosts: whether a new node's name goes to /etc/hosts.
        index_url: the package index that nodes install Python packages from; empty is uv's default.
        stores: what opens the stores of several projects, by the beginning of their addresses.
        virtualenvs: those that `deploy-wheels` knows, on whatever host.
    """

    provider: str = setting(text(NAME, NAME_MEANING), default="local")
    hosts: str = setting(one_of("ask", "always", "never"), default="ask")
    index_url: str = setting(text(r"(https?://\S+)?", "an http or https address"), default="")
    stores: Mapping[str, storekeys.Keys] = setting(storekeys.parse, default_factory=dict)
    virtualenvs: tuple[virtualenv.Virtualenv, ...] = setting(virtualenv.parse, default=())
    local: Local = setting(record(Local), default_factory=Local)
    reactor: ReactorConfig = setting(record(ReactorConfig), default_factory=ReactorConfig)


SECTIONS: Mapping[str, Any] = {"local": Local, "reactor": ReactorConfig}


def config_file() -> Path:
    """Return the path of config.yaml."""
    return config_home() / "config.yaml"


def variable(key: str) -> str:
    """Return the environment variable that wins over a key of config.yaml: KRAFTWERK_INDEX_URL for index_url."""
    return f"KRAFTWERK_{key.upper().replace('.', '_')}"


def load() -> AdminConfig:
    """Return the configuration in force: config.yaml, and KRAFTWERK_* variables over it.

    Raises:
        KraftwerkError: it has mistakes, all of which are named, or can't be read (code 2).
    """
    return AdminConfig(**given())


def given() -> dict[str, Any]:
    """Return the keys that config.yaml or the environment gives.

    Raises:
        KraftwerkError: as `load`.
    """
    problems: list[str] = []
    guard(config_file())
    keys = schema.given(AdminConfig, schema.load(config_file(), problems))
    keys |= _from_environment(AdminConfig, "", problems)
    for name, section in SECTIONS.items():
        if own := _from_environment(section, f"{name}.", problems):
            keys[name] = replace(keys.get(name, section()), **own)
    schema.check(problems)
    return keys


def _from_environment(kind: Any, prefix: str, problems: list[str]) -> dict[str, Any]:
    """Return what KRAFTWERK_* variables give of a dataclass's plain settings."""
    found: dict[str, Any] = {}
    for each in fields(kind):
        name = variable(prefix + each.name)
        if each.type is str and name in os.environ:
            scalar = yaml.ScalarNode("tag:yaml.org,2002:str", os.environ[name])
            try:
                found[each.name] = each.metadata[schema.PARSER](Value(scalar, Path(name), "", 1, problems))
            except Wrong as error:
                problems.append(f"{name}: {error}")
    return found


def guard(path: Path) -> None:
    """Make sure that a file with secrets is readable by its owner alone; one that isn't there is no matter.

    Raises:
        KraftwerkError: it can't be read, or belongs to another user (code 2).
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise KraftwerkError(f"{path} can't be read by this user", next_command=f"ls -l {path}", code=2) from error
    if status.st_uid != os.getuid():
        raise KraftwerkError(
            f"{path} belongs to another user", next_command=f"chown {os.getuid()} {path}, if it is yours", code=2
        )
    if status.st_mode & 0o077 or not status.st_mode & 0o400:
        screen.warn(f"{path} had mode {status.st_mode & 0o777:04o}; now only you can read it (0600)")
        path.chmod(0o600)


def ensure() -> AdminConfig:
    """Return the configuration, after making what is missing of the admin's files; says so at first use.

    Raises:
        KraftwerkError: as `load`, or the folder can't be made or belongs to another user (code 2).
    """
    home = config_home()
    try:
        private(home)
        if not all(path.exists() for path in _parts()):
            with held(home, busy=f"another kraftwerk is busy with {home}"):
                _make(home)
    except OSError as error:
        cause = f"{home} can't be used: {error.strerror or error}"
        raise KraftwerkError(cause, next_command="KRAFTWERK_HOME=FOLDER names another", code=2) from error
    guard(private_key_file())
    guard(secret.identity_file())
    return load()


def _parts() -> list[Path]:
    key = private_key_file()
    files = [key, key.with_name(f"{key.name}.pub"), known_hosts_file(), roster_file(), config_file()]
    return [secret.identity_file(), *files, *(config_home() / name for name in FOLDERS)]


def _make(home: Path) -> None:
    """Make each missing part; config.yaml comes last, so that an interrupted first use is still the first."""
    for name in FOLDERS:
        private(home / name)
    _make_key(private_key_file())
    secret.make_identity(secret.identity_file())
    for empty in (known_hosts_file(), roster_file()):
        if not empty.exists():
            write_atomic(empty, "")
    if not config_file().exists():
        write_atomic(config_file(), SAMPLE.read_text())
        screen.say(f"Looks like you haven't used kraftwerk before: wrote {_short(config_file())} (0600)")


def _make_key(key: Path) -> None:
    """Make the key pair beside its place and move it there, the private half last."""
    public = key.with_name(f"{key.name}.pub")
    if key.exists():
        if not public.exists():
            write_atomic(public, process.run(argv.ssh_public_key(key)).stdout.decode(), mode=0o644)
        return
    with tempfile.TemporaryDirectory(dir=key.parent) as folder:
        made = Path(folder) / key.name
        process.run(argv.ssh_keygen(made))
        made.with_name(public.name).replace(public)
        made.replace(key)


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
