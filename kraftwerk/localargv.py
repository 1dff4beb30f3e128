"""Pure builders of the arguments that make local nodes: mmdebstrap, ip, nft, systemd-nspawn. Nothing starts here."""

from collections.abc import Sequence
from pathlib import Path

BRIDGE = "kwbr0"
# Left to the kernel, it would change as nodes come and go, and those that stay would lose us for some seconds.
BRIDGE_ADDRESS = "02:6b:77:62:72:30"
NETWORK = "10.77.0.0/24"
GATEWAY = "10.77.0.1"
TABLE = "kraftwerk"
PACKAGES = ("python3", "openssh-server", "systemd-sysv", "dbus", "iproute2", "sudo", "ca-certificates", "rsync")
REBOOT = 133  # nspawn's exit code when the node wants to be started again

# Where the kernel's control groups are that systemd keeps its services in: alone, or beside those of the first version.
CONTROL_GROUPS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
# $1 overlay options, $2 the mount point, $3 a control group, if any, then the words of nspawn. The mount is in a
# namespace of its own, and goes when the last process does.
SUPERVISE = f"""mount -t overlay overlay -o "$1" "$2" || exit 1
for top in {" ".join(CONTROL_GROUPS)}; do
  [ -n "$3" ] && [ -e "$top/cgroup.procs" ] && mkdir -p "$top/$3" && echo $$ >"$top/$3/cgroup.procs"
done 2>/dev/null
shift 3
while :; do "$@"; [ $? -eq {REBOOT} ] || exit 0; done"""


def address_of(number: int) -> str:
    """Return the address of the node with that number."""
    return f"10.77.0.{number}"


def link_of(address: str) -> str:
    """Return the name of a node's namespace and of its link on this machine, unique as the address is."""
    return f"kw-{address.rsplit('.', 1)[1]}"


def hardware_address(address: str) -> str:
    """Return the node's hardware address: the same for the same address, so that nobody remembers a wrong one."""
    return "02:6b:77:" + ":".join(f"{int(part):02x}" for part in address.split(".")[1:])


def debootstrap(release: str, target: Path, *, apt_options: Path, files: Path) -> list[str]:
    """Return the argv that makes a Debian root in a folder; it reads its apt sources on stdin.

    It dies with whoever started it, and takes everything that it started along.

    Args:
        apt_options: a file in apt.conf's format, for the making and for the root.
        files: a tar of files to lay over the root.
    """
    return [
        *["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(PACKAGES)}",
        f"--aptopt={apt_options}",
        "--dpkgopt=force-unsafe-io",
        f"--customize-hook=tar-in {files} /",
        '--customize-hook=chroot "$1" update-ca-certificates',
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*',
        release,
        str(target),
    ]


def overlay_options(lowers: Sequence[Path], upper: Path, work: Path) -> str:
    """Return the mount options of a copy-on-write root; the first lower folder is the topmost.

    With `redirect_dir` a folder of a base can be renamed in its clones, as on any disk.
    """
    layers = ":".join(map(str, lowers))
    return f"lowerdir={layers},upperdir={upper},workdir={work},index=off,redirect_dir=on,metacopy=off"


def nspawn(name: str, address: str, root: Path) -> list[str]:
    """Return the argv that boots a root as a node, systemd as its PID 1."""
    return [
        "systemd-nspawn",
        "--quiet",
        f"--directory={root}",
        f"--machine={link_of(address)}",
        f"--hostname={name}",
        f"--network-namespace-path=/run/netns/{link_of(address)}",
        "--capability=CAP_NET_ADMIN",  # its network is its own, so its firewall is too
        "--register=no",
        "--keep-unit",
        "--resolv-conf=off",
        "--timezone=off",
        "--link-journal=no",
        "--suppress-sync=yes",
        "--boot",
    ]


def supervise(options: str, root: Path, command: Sequence[str], *, group: str, scope: bool) -> list[str]:
    """Return the argv that mounts a node's root and runs it in the background, again whenever it reboots.

    Args:
        options: from `overlay_options`.
        root: the mount point.
        command: from `nspawn`.
        group: the name of a control group of its own. In one with others systemds take each other's services away.
        scope: whether systemd, which this machine runs, makes it, as a scope.
    """
    unit = ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes", f"--unit={group}"]
    unit += ["--description=a local node of kraftwerk"]
    return [
        *["setsid", "--fork"],
        *(unit if scope else []),
        *["unshare", "--mount", "--propagation=slave"],
        *["sh", "-c", SUPERVISE, "kraftwerk-node", options, str(root), "" if scope else group],
        *command,
    ]


def bridge_up() -> str:
    """Return the `ip -batch` lines that make the bridge."""
    made = f"link add {BRIDGE} address {BRIDGE_ADDRESS} type bridge"
    return f"{made}\naddress add {GATEWAY}/24 dev {BRIDGE}\nlink set {BRIDGE} up\n"


def masquerade() -> str:
    """Return the nft rules by which nodes reach the world; applied twice they are the same."""
    return f"""table ip {TABLE}
flush table ip {TABLE}
table ip {TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {NETWORK} ip daddr != {NETWORK} masquerade
  }}
}}
"""


def forward(action: str) -> list[list[str]]:
    """Return the argvs that let nodes through a firewall which drops by default: -C asks, -I inserts, -D deletes."""
    return [["iptables", "-w", action, "FORWARD", side, BRIDGE, "-j", "ACCEPT"] for side in ("-i", "-o")]


def attach_here(address: str) -> str:
    """Return the `ip -batch` lines that make a node's namespace and tie it to the bridge."""
    link = link_of(address)
    return (
        f"netns add {link}\n"
        f"link add {link} type veth peer name host0 address {hardware_address(address)} netns {link}\n"
        f"link set {link} master {BRIDGE} up\n"
    )


def attach_there(address: str) -> str:
    """Return the `ip -n NAMESPACE -batch` lines that give a node its address."""
    return f"address add {address}/24 dev host0\nlink set host0 up\nlink set lo up\nroute add default via {GATEWAY}\n"
