"""The Salt configuration that kraftwerk writes: one for itself and for plain salt-ssh and salt-cloud beside it."""

import getpass
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from kraftwerk import account, admin, profiles, secret
from kraftwerk.node import known_hosts_file, private_key_file, roster_file
from kraftwerk.paths import config_home, master_sockets, private, reactor_home, share, state_home, write_atomic
from kraftwerk.transport import ssh_options

ON_NODES = ("modules", "states")
NOT_FOR_NODES = ("pytest-salt-factories",)  # it extends Salt, too, where kraftwerk is developed
EXTENSIONS = (*ON_NODES, "pillar", "clouds", "runners", "engines")
# Modules that ask nothing of a node, which states call while they are rendered, again and again: called here. Each call
# on the node is one more of ssh, and one more of Salt there.
HERE = ("kw_capacity",)


def root() -> Path:
    """Return the folder that Salt works in; 0700."""
    return private(state_home() / "salt")


def write() -> Path:
    """Write the configuration, if it changed, and return the path of the master file.

    Everything in it is an absolute path, but for the project's own states: `salt` counts from the current
    directory, so that plain Salt inside a project sees them too.
    """
    folder = root()
    extensions = link_extensions(folder / "ext", share())
    wrappers = private(folder / "here") / "wrapper"  # Salt's name for what is called here in place of the node's
    for name in HERE:  # copies: Salt packs them for nodes, where no link out of an archive is followed
        _write_changed(private(wrappers) / f"{name}.py", share("_modules", f"{name}.py").read_text())
    files: dict[str, Any] = {
        "master": master(folder, extensions, wrappers.parent),
        "cloud": cloud(folder),
        "cloud.providers": {"local": {"driver": "kw_local"}},
        "cloud.profiles": profiles.generated(),
    }
    for name, content in files.items():
        _write_changed(folder / name, yaml.safe_dump(content, sort_keys=False))
    _link(folder / "cloud.providers.d", {path.name: path for path in account.folder().glob("*.conf")})
    _link(folder / "cloud.profiles.d", profiles.files())
    return folder / "master"


def master(folder: Path, *extensions: Path) -> dict[str, Any]:
    """Return the content of the master file; `extensions` are folders with folders of modules."""
    return {
        "user": getpass.getuser(),
        "root_dir": str(folder),
        "pki_dir": str(folder / "pki"),
        "cachedir": str(folder / "cache"),
        "sock_dir": str(folder / "run"),
        "log_file": str(folder / "log"),
        "ssh_log_file": str(folder / "log"),
        "log_level_logfile": "quiet",
        "roster_file": str(roster_file()),
        "file_roots": {"base": ["salt", str(config_home() / "salt"), str(share("salt"))]},
        "pillar_roots": {"base": [str(config_home() / "pillar"), str(share("pillar"))]},
        "ext_pillar": external_pillar(),
        "module_dirs": list(map(str, extensions)),
        "ssh_priv": str(private_key_file()),
        "ssh_identities_only": True,
        "known_hosts_file": str(known_hosts_file()),
        "ssh_options": ssh_options(),
        "ssh_minion_opts": minion_options(),
        "thin_saltext_blocklist": list(NOT_FOR_NODES),
        "job_cache": False,
    }


def external_pillar(only: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the setting of our external pillar; `only` names the projects to show, none means all."""
    places = {"mirror": str(state_home() / "instances"), "roster": str(roster_file())}
    places["identity"] = str(secret.identity_file())
    return [{"kw_instances": {**places, "index_url": admin.load().index_url, "only": list(only)}}]


def file_roots(project_root: Path) -> dict[str, list[str]]:
    """Return the state trees, a project's own first: the same path wins."""
    return {"base": [str(project_root / "salt"), str(config_home() / "salt"), str(share("salt"))]}


def served(folder: Path) -> dict[str, list[str]]:
    """Return the state trees that the master of a folder serves: the admin's and the shipped, and the modules of nodes.

    Minions fetch modules as `salt://_modules`. They come from links to these alone, so that nothing else is served.
    """
    modules = link_extensions(folder / "served", share(), ON_NODES)
    return {"base": [str(config_home() / "salt"), str(share("salt")), str(modules)]}


def minion_options() -> dict[str, Any]:
    """Return what Salt on the node is told: no slow grains, and no log left there."""
    return {
        "enable_fqdns_grains": False,
        "enable_gpu_grains": False,
        "grains_cache": False,
        "log_level_logfile": "quiet",
    }


def cloud(folder: Path) -> dict[str, Any]:
    """Return the content of the cloud file."""
    return {
        "providers_config": str(folder / "cloud.providers"),
        "profiles_config": str(folder / "cloud.profiles"),
        "conf_file": str(folder / "cloud"),
        "extension_modules": str(folder / "ext"),
        "cachedir": str(private(folder / "cloud.cache")),  # made here: two salt-clouds at once trip over each other
        "log_file": str(folder / "log"),
        "sock_dir": str(master_sockets(reactor_home())),  # where the reactor, if it runs, hears of new nodes
        "kraftwerk_home": os.environ.get("KRAFTWERK_HOME", ""),  # for kw_local under plain salt-cloud
        "deploy": False,
    }


def link_extensions(folder: Path, source: Path, kinds: tuple[str, ...] = EXTENSIONS) -> Path:
    """Make a folder of links to `_modules`, `_states` … of a tree, and return it.

    Salt takes every `*.py` of a folder of modules for one, so it is never pointed at the tree itself.
    """
    trees = {f"_{kind}": source / f"_{kind}" for kind in kinds}
    _link(folder, {name: tree for name, tree in trees.items() if tree.is_dir()})
    return folder


def _link(folder: Path, wanted: Mapping[str, Path]) -> None:
    """Make a folder of links, by the names that they get there; no others stay. Another kraftwerk may be at it, too."""
    private(folder)
    for link in folder.iterdir():
        if link.name == "__pycache__":  # of modules that Salt took from here
            continue
        with suppress(FileNotFoundError):
            if not link.is_symlink() or link.readlink() != wanted.get(link.name):
                link.unlink()
    for name, path in wanted.items():
        with suppress(FileExistsError):
            (folder / name).symlink_to(path)


def _write_changed(path: Path, text: str) -> None:
    if path.is_symlink() or not path.exists() or path.read_text() != text:
        write_atomic(path, text)
