"""Local nodes: real Debian servers on this machine, each a copy-on-write clone of a base, with systemd as its PID 1."""

import re
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from kraftwerk import flock, hosts, localbase, localboot, localfiles, localnet, privilege, snapshot, surroundings, trash
from kraftwerk.errors import KraftwerkError
from kraftwerk.machine import Machine, existing, folder_of, load
from kraftwerk.node import Node, all_nodes, check_name, pin_host_keys, remove_node, save_node
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.transport import Connection

INSTEAD = "use a server instead: kraftwerk create-node NAME --provider ssh --host ADDRESS"


def status(name: str) -> str:
    """Return running, stopped, creating (interrupted), or missing."""
    machine = load(name)
    if machine is None:
        return "missing"
    if not machine.ready:
        return "creating"
    return "running" if localboot.running(machine.folder) else "stopped"


def check() -> None:
    """Make sure that local nodes can run here.

    Raises:
        KraftwerkError: they can't; the cause says why, the next command what to use instead.
    """
    if sys.platform != "linux":
        raise KraftwerkError(f"local nodes need Linux, this is {sys.platform}", next_command=INSTEAD)
    try:
        privilege.obtain()
    except KraftwerkError as error:
        raise KraftwerkError(
            f"local nodes can't run here: {error.cause}", next_command=f"{error.next_command}; or {INSTEAD}"
        ) from error
    if missing := localbase.missing_tools():
        install = f"apt-get install {' '.join(missing)}"
        raise KraftwerkError(f"local nodes need {', '.join(missing)}", next_command=f"{install}; or {INSTEAD}")
    if re.search(r"[,:\\\s\"]", str(state_home())):
        raise KraftwerkError(f"{state_home()}: local nodes can't live in a path with any of , : \\ \" or spaces")


def check_free(name: str) -> None:
    """Make sure that a name is one, and that no node has it; what an interrupted creation left doesn't count.

    Raises:
        KraftwerkError: it is no hostname, or it is taken (code 2).
    """
    check_name(name)
    machine, listed = load(name), all_nodes().get(name)
    if (machine and machine.ready) or (listed and listed.status != "creating" and not machine):
        raise KraftwerkError(
            f"a node called {name} exists already", next_command=f"kraftwerk destroy-node {name}", code=2
        )


def make_base(release: str) -> Path:
    """Return a release's base; when it has to be made, older ones that no node is a clone of are removed.

    Raises:
        KraftwerkError: as `localbase.ensure`.
    """
    known = release in localbase.RELEASES and localbase.base_path(release).is_dir()
    path = localbase.ensure(release)
    if not known:
        localbase.remove_unused([path, *snapshot.layers_in_use()])
    return path


def create(name: str, *, release: str = "bookworm", base: str = "") -> Node:
    """Create and boot a local node; what an interrupted creation left is cleared first.

    Args:
        name: its hostname.
        release: bookworm or trixie.
        base: a snapshot to clone instead of the release's own base.

    Returns:
        The node, in the roster, its host key pinned, its sshd answering.

    Raises:
        KraftwerkError: the name is taken (code 2), local nodes can't run here, or a step failed; then nothing is left.
    """
    check_free(name)
    check()
    lowers = snapshot.layers(base) if base else (str(make_base(release)),)
    with _busy(name):
        check_free(name)
        if load(name):
            _remove(name)
        try:
            return _create(name, release, lowers)
        except BaseException:
            _remove(name)
            raise


def _create(name: str, release: str, lowers: tuple[str, ...]) -> Node:
    folder = private(folder_of(name))
    machine = Machine(name, release, localnet.reserve(folder), lowers)
    machine.save()
    save_node(machine.node)
    key = localfiles.lay_all(machine)
    pin_host_keys(machine.node, [key])
    write_atomic(folder / "host_key.pub", key)
    _boot(machine)
    ready = replace(machine, ready=True)
    ready.save()
    save_node(ready.node)
    return ready.node


def start(name: str) -> Node:
    """Start a node that was stopped, or whose host was; one that runs is left alone.

    Raises:
        KraftwerkError: it isn't a local node of this home (code 2), or it doesn't come up.
    """
    machine = existing(name)
    check()
    with _busy(name):
        if not localboot.running(machine.folder):
            localnet.reserve(machine.folder, machine.address)
            localfiles.lay({"etc/resolv.conf": surroundings.resolver()}, machine)
            _boot(machine)
        save_node(machine.node)
    return machine.node


def stop(name: str) -> Node:
    """Power a node off; its files and its address stay, and the roster says that it was meant.

    Raises:
        KraftwerkError: it isn't a local node of this home (code 2).
    """
    machine = existing(name)
    check()
    with _busy(name):
        save_node(replace(machine.node, status="stopped"))
        Connection(machine.node).close()
        localboot.power_off(machine.folder)
        localnet.detach(machine.address)
    return machine.node


def destroy(name: str) -> None:
    """Remove a local node with everything of it, however far its creation came; it is no error if there is none."""
    if load(name) is None and folder_of(name) not in localnet.folders():
        remove_node(name)
        return
    check()
    with _busy(name):
        _remove(name)


def names() -> list[str]:
    """Return the names of the local nodes of this home."""
    home = state_home() / "local"
    return sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []


def _busy(name: str) -> AbstractContextManager[int]:
    private(state_home() / "local")
    return flock.held(
        state_home() / "local" / f".{name}.lock", busy=f"another kraftwerk is busy with {name}", timeout=120
    )


def _boot(machine: Machine) -> None:
    localnet.attach(machine.address)
    localboot.boot(machine.name, machine.address, machine.folder, [Path(lower) for lower in machine.lowers])
    localboot.wait_for_ssh(machine.name, machine.address, machine.folder)


def _remove(name: str) -> None:
    """Remove all of a node; the folder goes last but for the roster, so that an interrupted removal can be repeated."""
    folder, machine = folder_of(name), load(name)
    if machine and machine.ready:
        replace(machine, ready=False).save()
    if machine and machine.address:
        Connection(machine.node).close()
        hosts.remove(machine.address)
    localboot.kill(folder)
    if machine and machine.address:
        remains = str(localboot.remains(machine.address))
        privilege.run(["rm", "--recursive", "--force", "--one-file-system", remains], timeout=300)
        localboot.forget_groups(machine.address)
    trash.discard(folder)
    localnet.release(folder)
    remove_node(name)
    (state_home() / "local" / f".{name}.lock").unlink(missing_ok=True)
