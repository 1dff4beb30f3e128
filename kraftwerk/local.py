"""Local nodes: real Debian servers on this machine, each a copy-on-write clone of a base, with systemd as its PID 1."""

import json
import os
import re
import secrets
import shutil
import sys
import tempfile
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kraftwerk import flock, hosts, localbase, localboot, localnet, privilege, process, surroundings
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import (
    Node,
    all_nodes,
    check_name,
    pin_host_keys,
    private_key_file,
    remove_node,
    save_node,
)
from kraftwerk.paths import private, state_home, write_atomic
from kraftwerk.transport import Connection

INSTEAD = "use a server instead: kraftwerk create-node NAME --provider ssh --host ADDRESS"
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"


@dataclass(frozen=True)
class Machine:
    """A local node as it is kept on disk.

    Attributes:
        lowers: the folders below its own files, the topmost first.
        ready: whether its creation came to its end.
    """

    name: str
    release: str
    address: str
    lowers: tuple[str, ...]
    ready: bool = False

    @property
    def folder(self) -> Path:
        """Return the folder with everything of it."""
        return folder_of(self.name)

    @property
    def node(self) -> Node:
        """Return its entry in the roster."""
        status = "ready" if self.ready else "creating"
        return Node(name=self.name, host=self.address, provider="local", release=self.release, status=status)

    def save(self) -> None:
        """Write it to disk."""
        write_atomic(self.folder / "machine.json", json.dumps(asdict(self)))


def folder_of(name: str) -> Path:
    """Return the folder of a local node."""
    return state_home() / "local" / name


def load(name: str) -> Machine | None:
    """Return a local node of this home, or None; one whose creation was interrupted early has no address."""
    path = folder_of(name) / "machine.json"
    if not path.exists():
        return Machine(name, "", "", ()) if folder_of(name).is_dir() else None
    plain = json.loads(path.read_text())
    return Machine(**{**plain, "lowers": tuple(plain["lowers"])})


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
            f"local nodes need root or sudo: {error.cause}", next_command=f"{error.next_command}; or {INSTEAD}"
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
        localbase.remove_unused([path, *layers_in_use()])
    return path


def layers_in_use() -> list[Path]:
    """Return the folders that nodes and snapshots of all homes stand on, as far as this user can see them."""
    files = [folder / "machine.json" for folder in localnet.folders()]
    lowers = [json.loads(path.read_text())["lowers"] for path in files if os.access(path, os.R_OK)]
    lowers += [json.loads(path.read_text()) for path in localbase.bases_home().glob("*/lowers.json")]
    return [Path(lower) for layers in lowers for lower in layers]


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
    lowers = snapshot_layers(base) if base else (str(make_base(release)),)
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
    key = _lay_files(machine)
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
    machine = _existing(name)
    check()
    with _busy(name):
        if not localboot.running(machine.folder):
            localnet.reserve(machine.folder, machine.address)
            _lay({"etc/resolv.conf": surroundings.resolver()}, machine)
            _boot(machine)
    return machine.node


def stop(name: str) -> Node:
    """Power a node off; its files and its address stay.

    Raises:
        KraftwerkError: it isn't a local node of this home (code 2).
    """
    machine = _existing(name)
    check()
    with _busy(name):
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


def host_key(name: str) -> str:
    """Return the public host key of a local node."""
    return (folder_of(name) / "host_key.pub").read_text()


def names() -> list[str]:
    """Return the names of the local nodes of this home."""
    home = state_home() / "local"
    return sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []


def _existing(name: str) -> Machine:
    machine = load(name)
    if machine is None:
        raise KraftwerkError(f"no local node is called {name}", next_command=f"kraftwerk create-node {name}", code=2)
    if not machine.ready:
        raise KraftwerkError(f"the creation of {name} was interrupted", next_command=f"kraftwerk create-node {name}")
    return machine


def _busy(name: str) -> AbstractContextManager[None]:
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
    privilege.run(["rm", "--recursive", "--force", "--one-file-system", str(folder)], timeout=300)
    localnet.release(folder)
    remove_node(name)
    (state_home() / "local" / f".{name}.lock").unlink(missing_ok=True)


def _lay_files(machine: Machine) -> str:
    """Write the node's own files into its upper folder and return its public host key."""
    private_key, public_key = _make_host_key(machine.name)
    files = {
        "etc/hostname": f"{machine.name}\n".encode(),
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{machine.address} {machine.name}\n".encode(),
        "etc/resolv.conf": surroundings.resolver(),
        "etc/machine-id": f"{secrets.token_hex(16)}\n".encode(),
        "root/.ssh/authorized_keys": private_key_file().with_suffix(".pub").read_bytes(),
        HOST_KEY: private_key,
        f"{HOST_KEY}.pub": public_key,
    }
    if index := surroundings.index_options():
        files["etc/pip.conf"] = index
    _lay(files, machine)
    return public_key.decode()


def _lay(files: dict[str, bytes], machine: Machine) -> None:
    folders = {"upper": 0o755, "work": 0o755, "root": 0o755, "upper/etc": 0o755}
    if HOST_KEY in files:
        folders |= {"upper/etc/ssh": 0o755, "upper/root": 0o700, "upper/root/.ssh": 0o700}
    modes = {f"upper/{HOST_KEY}": 0o600, "upper/root/.ssh/authorized_keys": 0o600}
    archive = surroundings.tar(
        {f"upper/{name}": content for name, content in files.items()}, modes=modes, folders=folders
    )
    privilege.run(["tar", "--extract", f"--directory={machine.folder}", "--file=-"], input=archive)


def _make_host_key(name: str) -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory(prefix="kraftwerk-") as scratch:
        path = Path(scratch) / "key"
        process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{name}", "-f", str(path)])
        return path.read_bytes(), path.with_suffix(".pub").read_bytes()


def snapshot_layers(base: str) -> tuple[str, ...]:
    """Return the lower folders of a snapshot, the topmost first.

    Raises:
        KraftwerkError: there is no such snapshot (code 2).
    """
    folder = _snapshot_folder(base)
    if not (folder / "lowers.json").exists():
        raise KraftwerkError(f"no base is called {base}", code=2)
    return (str(folder / "upper"), *json.loads((folder / "lowers.json").read_text()))


def _snapshot_folder(base: str) -> Path:
    return localbase.bases_home() / check_name(base)


def snapshot(name: str, base: str) -> None:
    """Keep a stopped node's files as a base for clones, so that what was installed on it needn't be again.

    Args:
        name: a local node that is powered off.
        base: what the base is called in `create`; one of that name is replaced when no node uses it.
    """
    machine, folder = _existing(name), _snapshot_folder(base)
    if localboot.running(machine.folder):
        raise KraftwerkError(f"{name} runs", next_command=f"kraftwerk stop-node {name}")
    temporary = folder.with_name(f".{base}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    (temporary / "lowers.json").write_text(json.dumps(machine.lowers))
    privilege.run(["cp", "--archive", "--reflink=auto", str(machine.folder / "upper"), str(temporary)], timeout=600)
    privilege.run(["rm", "--recursive", "--force", str(folder)], timeout=300)
    temporary.rename(folder)


def remove_snapshot(base: str) -> None:
    """Remove a base that `snapshot` made; the nodes that are clones of it must be gone."""
    privilege.run(["rm", "--recursive", "--force", str(_snapshot_folder(base))], timeout=300)
