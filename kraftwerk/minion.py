"""Minions: nodes that a Salt master drives. The master trusts their keys because ssh does: nobody compares anything."""

import logging
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

from kraftwerk import saltmaster
from kraftwerk.errors import KraftwerkError
from kraftwerk.localproc import wait_until
from kraftwerk.node import Node
from kraftwerk.paths import reactor_home, write_atomic
from kraftwerk.transport import Connection

PUBLIC_KEY = "/etc/kraftwerk/minion/pki/minion.pub"  # salt/minion/defaults.yaml names its folder
ACCEPTED = "minions"
OTHERS = ("minions_pre", "minions_rejected", "minions_denied")  # what Salt calls keys that aren't accepted


def accept(node: Node, master: Path | None = None) -> None:
    """Have a master accept the minion of a node: its public key is read over the connection, whose host key is pinned.

    Args:
        master: the master's folder; default: the reactor's.

    Raises:
        KraftwerkError: the master never ran, the node can't be reached, or it has no minion.
    """
    keys = _keys(master)
    if not (keys / ACCEPTED).is_dir():
        raise KraftwerkError("the Salt master was never started", next_command="kraftwerk reactor start")
    answer = Connection(node).run(["cat", PUBLIC_KEY], check=False)
    if answer.returncode:
        cause = f"{node.name} has no minion: pillar kraftwerk:settings:minion:master gives it one"
        raise KraftwerkError(cause, next_command=f"kraftwerk highstate {node.name}")
    write_atomic(keys / ACCEPTED / node.name, answer.stdout.decode())
    _remove(keys, node.name, OTHERS)


def answers(name: str, master: Path | None = None, *, timeout: float = 60) -> bool:
    """Wait until the minion of a node takes orders from a master, and return whether it did in that many seconds.

    Raises:
        KraftwerkError: the master doesn't run.
    """
    import salt.client

    folder = master or reactor_home()
    if not saltmaster.status(folder):
        raise KraftwerkError("the Salt master doesn't run", next_command="kraftwerk reactor start")
    if not (_keys(master) / ACCEPTED / name).is_file():
        return False
    logging.getLogger("salt").setLevel(logging.CRITICAL)
    patience = chain((1, 2, 4), repeat(8))  # a ping before it listens is lost; on a busy computer one takes seconds
    with salt.client.LocalClient(str(folder / "master")) as client:

        def pinged() -> bool:
            seconds = next(patience)
            said = client.cmd(name, "test.ping", timeout=seconds, gather_job_timeout=seconds, silent=True)
            return said.get(name) is True  # one that doesn't answer has words of Salt's in the place of its answer

        return wait_until(pinged, timeout=timeout)


def forget(name: str, master: Path | None = None) -> None:
    """Have a master trust the minion of a node no more; it is no error if it never did."""
    folder, known = master or reactor_home(), (_keys(master) / ACCEPTED / name).exists()
    _remove(_keys(master), name, (ACCEPTED, *OTHERS))
    if known and (folder / "master").exists():
        _rotate(folder)


def _rotate(folder: Path) -> None:
    """Have a master that runs take another key for what it sends to all, as salt-key does: the minion knows the old."""
    import salt.config
    import salt.crypt

    options = salt.config.master_config(str(folder / "master"))
    with suppress(FileNotFoundError):  # it never ran
        salt.crypt.dropfile(options["cachedir"], options["user"], options["id"])


def _keys(master: Path | None) -> Path:
    return (master or reactor_home()) / "pki"


def _remove(keys: Path, name: str, kinds: tuple[str, ...]) -> None:
    for kind in kinds:
        (keys / kind / name).unlink(missing_ok=True)
