"""What a new machine in a cloud is told at its first boot, in cloud-init's own format."""

import yaml

HEADER = "#cloud-config\n"


def user_data(name: str, *, host_key: tuple[str, str], authorized_key: str) -> str:
    """Return the user data that makes a fresh server a node: its name, its host key, and who may log in as root.

    Args:
        name: the node's hostname.
        host_key: its private and its public half; cloud-init removes all others, so that no other is ever shown.
        authorized_key: the public key of the admin.
    """
    private, public = host_key
    content = {
        "hostname": name.split(".")[0],
        **({"fqdn": name} if "." in name else {}),
        "manage_etc_hosts": "localhost",
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": private, "ed25519_public": public.strip()},
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [authorized_key.strip()],
    }
    return HEADER + yaml.safe_dump(content, sort_keys=False, width=1000)
