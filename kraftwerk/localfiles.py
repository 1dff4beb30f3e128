"""The files that make a clone a node of its own: names, keys, and the admin's surroundings."""

import secrets
from collections.abc import Mapping

from kraftwerk import hostkey, privilege, surroundings
from kraftwerk.machine import Machine
from kraftwerk.node import private_key_file

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"


def lay_all(machine: Machine) -> str:
    """Write the node's own files into its upper folder and return its public host key."""
    private_key, public_key = hostkey.make()
    files = {
        "etc/hostname": f"{machine.name}\n".encode(),
        "etc/hosts": f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{machine.address} {machine.name}\n".encode(),
        "etc/resolv.conf": surroundings.resolver(),
        "etc/machine-id": f"{secrets.token_hex(16)}\n".encode(),
        "root/.ssh/authorized_keys": private_key_file().with_suffix(".pub").read_bytes(),
        HOST_KEY: private_key.encode(),
        f"{HOST_KEY}.pub": public_key.encode(),
    }
    if index := surroundings.index_options():
        files["etc/pip.conf"] = index
    lay(files, machine)
    return public_key


def lay(files: Mapping[str, bytes], machine: Machine) -> None:
    """Write files of root into a node's upper folder, while it is off; its folders are made on the way."""
    folders = {"upper": 0o755, "work": 0o755, "root": 0o755, "upper/etc": 0o755}
    if HOST_KEY in files:
        folders |= {"upper/etc/ssh": 0o755, "upper/root": 0o700, "upper/root/.ssh": 0o700}
    modes = {f"upper/{HOST_KEY}": 0o600, "upper/root/.ssh/authorized_keys": 0o600}
    archive = surroundings.tar(
        {f"upper/{name}": content for name, content in files.items()}, modes=modes, folders=folders
    )
    privilege.run(["tar", "--extract", f"--directory={machine.folder}", "--file=-"], input=archive)
