"""Snapshots: the files of a stopped local node, kept as a base for clones that have on them what it had."""

import json
import os
import shutil
from pathlib import Path

from kraftwerk import localbase, localboot, localnet, machine, privilege
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import check_name


def keep(name: str, base: str) -> None:
    """Keep a stopped node's files as a base for clones, so that what was installed on it needn't be again.

    Args:
        name: a local node that is powered off.
        base: what the base is called in `create`; one of that name is replaced when no node uses it.
    """
    kept, folder = machine.existing(name), _folder(base)
    if localboot.running(kept.folder):
        raise KraftwerkError(f"{name} runs", next_command=f"kraftwerk stop-node {name}")
    temporary = folder.with_name(f".{base}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    (temporary / "lowers.json").write_text(json.dumps(kept.lowers))
    privilege.run(["cp", "--archive", "--reflink=auto", str(kept.folder / "upper"), str(temporary)], timeout=600)
    privilege.run(["rm", "--recursive", "--force", str(folder)], timeout=300)
    temporary.rename(folder)


def remove(base: str) -> None:
    """Remove a base that `keep` made; the nodes that are clones of it must be gone."""
    privilege.run(["rm", "--recursive", "--force", str(_folder(base))], timeout=300)


def layers(base: str) -> tuple[str, ...]:
    """Return the lower folders of a snapshot, the topmost first.

    Raises:
        KraftwerkError: there is no such snapshot (code 2).
    """
    folder = _folder(base)
    if not (folder / "lowers.json").exists():
        raise KraftwerkError(f"no base is called {base}", code=2)
    return (str(folder / "upper"), *json.loads((folder / "lowers.json").read_text()))


def layers_in_use() -> list[Path]:
    """Return the folders that nodes and snapshots of all homes stand on, as far as this user can see them."""
    files = [folder / "machine.json" for folder in localnet.folders()]
    lowers = [json.loads(path.read_text())["lowers"] for path in files if os.access(path, os.R_OK)]
    lowers += [json.loads(path.read_text()) for path in localbase.bases_home().glob("*/lowers.json")]
    return [Path(lower) for each in lowers for lower in each]


def _folder(base: str) -> Path:
    return localbase.bases_home() / check_name(base)
