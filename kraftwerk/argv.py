"""Pure builders of the programs' arguments: the same words every time, nothing started, nothing read."""

import shlex
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from kraftwerk.node import Node

# What a program finds in its environment on a node that is this computer.
LOGIN = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    *("HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8"),
)
UMASK = 'umask 022; exec "$@"'  # sshd's, whatever ours is
CONNECT_TIMEOUT = 8  # seconds until an address that doesn't answer counts as unreachable
_CONNECTION = (
    f"ConnectTimeout={CONNECT_TIMEOUT}",
    "ServerAliveInterval=3",  # so a connection that broke without a word is given up after 12 to 15 s
    "ServerAliveCountMax=4",
    "ControlMaster=auto",
    "ControlPersist=600",
)


def ssh_options(*, key: Path, known_hosts: Path, socket: Path) -> list[str]:
    """Return the ssh options of every connection, as `NAME=value`.

    Args:
        key: the private key; no other is offered.
        known_hosts: the pinned host keys; any other is refused.
        socket: where the multiplexed connection listens; `%C` in it is ssh's hash of the destination.
    """
    return [
        "BatchMode=yes",
        f"IdentityFile={key}",
        "IdentitiesOnly=yes",
        f"UserKnownHostsFile={known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "CheckHostIP=no",
        *_CONNECTION,
        f"ControlPath={socket}",
        "LogLevel=ERROR",
    ]


def guest_options(*, known_hosts: Sequence[str], socket: Path) -> list[str]:
    """Return the ssh options for a host that is no node: keys and the way there are the admin's own configuration's.

    Args:
        known_hosts: files with the host keys that are known; any other is refused.
        socket: as in `ssh_options`.
    """
    return [
        "BatchMode=yes",
        f"UserKnownHostsFile={' '.join(known_hosts)}",
        "StrictHostKeyChecking=yes",
        *_CONNECTION,
        f"ControlPath={socket}",
        "LogLevel=ERROR",
    ]


def control_name(node: Node) -> str:
    """Return what the socket of a node's shared connection is called: short, and another one for each address."""
    return sha256(f"{node.user}@{node.host}:{node.port}".encode()).hexdigest()[:16]


def control_path(options: Sequence[str]) -> Path:
    """Return where the shared connection of these ssh options listens."""
    return next(Path(value) for name, _, value in (each.partition("=") for each in options) if name == "ControlPath")


def ssh_settings(host: str, user: str = "") -> list[str]:
    """Return the argv that prints what the admin's ssh configuration says of a host; it isn't asked."""
    return ["ssh", "-G", *(["-l", user] if user else []), "--", host]


def _flags(options: Sequence[str]) -> list[str]:
    return [flag for option in options for flag in ("-o", option)]


def ssh(node: Node, options: Sequence[str], words: Sequence[str], *, tty: bool = False) -> list[str]:
    """Return the argv that runs words on a node, without ssh where it is this computer; they arrive exactly as given.

    Args:
        options: from `ssh_options`.
        words: the remote program and its arguments; none opens a login shell.
        tty: ask for a terminal there.
    """
    if node.is_here:
        return here(words, tty=tty)
    remote = [shlex.join(words)] if words else []
    return ["ssh", *_flags(options), "-p", str(node.port), "-tt" if tty else "-T", f"{node.user}@{node.host}", *remote]


def here(words: Sequence[str], *, tty: bool = False) -> list[str]:
    """Return the argv that runs words on this computer as sshd would: nothing of our environment reaches them.

    Args:
        tty: let them have our terminal, with its Ctrl-C.
    """
    apart = [] if tty else ["setsid", "--wait"]
    return [*apart, "env", "--ignore-environment", "--chdir=/root", *LOGIN, "sh", "-c", UMASK, "sh", *words]


def ending_with_us(words: Sequence[str]) -> list[str]:
    """Return the argv of a program that the kernel ends when its parent is killed (Linux)."""
    return ["setpriv", "--pdeathsig=TERM", "--", *words]


def ssh_open(node: Node, options: Sequence[str]) -> list[str]:
    """Return the argv that opens the shared connection and leaves it in the background, once it is logged in."""
    return ["ssh", *_flags(options), "-p", str(node.port), "-fN", f"{node.user}@{node.host}"]


def ssh_control(node: Node, options: Sequence[str], verb: str) -> list[str]:
    """Return the argv that ends the shared connection (`exit`), or lets nothing new begin on it (`stop`).

    This computer needs none.
    """
    if node.is_here:
        return ["true"]
    return ["ssh", *_flags(options), "-p", str(node.port), "-O", verb, f"{node.user}@{node.host}"]


def ssh_forward(node: Node, options: Sequence[str], ends: Sequence[str]) -> list[str]:
    """Return the argv of an ssh of its own that prints `open`, and carries what comes to our ends until it is ended.

    Args:
        ends: `HERE:THERE`; HERE is a socket's path or ADDRESS:PORT of ours, THERE a socket's path on the node.
    """
    alone = ["ControlMaster=no", "ControlPath=none", "ExitOnForwardFailure=yes", "StreamLocalBindUnlink=yes"]
    kept = [option for option in options if not option.startswith("Control")]
    ways = [flag for end in ends for flag in ("-L", end)]
    where = f"{node.user}@{node.host}"
    return ["ssh", *_flags([*kept, *alone]), *ways, "-p", str(node.port), "-T", where, "echo open; exec cat >/dev/null"]


def rsync(
    node: Node,
    options: Sequence[str],
    source: Path,
    target: PurePosixPath,
    *,
    link_dest: PurePosixPath | None = None,
    owner: str = "",
    modes: str = "",
    files_from: bool = False,
    missing: bool = False,
) -> list[str]:
    """Return the argv that makes a folder on a node the same as one here.

    Args:
        source: a folder; its content is sent.
        target: the folder on the node; what isn't in the source is deleted there.
        link_dest: a folder on the node whose unchanged files are hard-linked instead of sent.
        owner: `user:group` on the node.
        modes: what permissions become on the way, as rsync's --chmod takes it.
        files_from: send only the paths that come NUL-separated on stdin.
        missing: of these, delete there what is missing here, and send the others even if size and second are the same.
    """
    rsh = f"--rsh={shlex.join(['ssh', *_flags(options), '-p', str(node.port)])}"
    return [
        "rsync",
        "--archive",
        *([] if node.is_here else ["--compress"]),
        "--delay-updates",
        *(["--from0", "--files-from=-"] if files_from else ["--delete"]),
        *(["--delete-missing-args", "--force", "--ignore-times"] if missing else []),
        *([f"--chown={owner}"] if owner else []),
        *([f"--chmod={modes}"] if modes else []),
        *([f"--link-dest={link_dest}"] if link_dest else []),
        *([] if node.is_here else [rsh]),
        f"{source}/",
        f"{target}/" if node.is_here else f"{node.user}@{node.host}:{target}/",
    ]


def as_user(user: str, words: Sequence[str]) -> list[str]:
    """Return words that run as that user on a node, keeping terminal, signals and exit code."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--", *words]


def ssh_keygen(file: Path) -> list[str]:
    """Return the argv that makes a key pair without a passphrase: the file, and its public half beside it."""
    return ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kraftwerk", "-f", str(file)]


def ssh_public_key(file: Path) -> list[str]:
    """Return the argv that prints the public half of a private key."""
    return ["ssh-keygen", "-y", "-f", str(file)]


def ssh_keyscan(host: str, port: int, timeout: int, kind: str) -> list[str]:
    """Return the argv that prints the host key that an address shows, of a kind such as ed25519."""
    return ["ssh-keyscan", "-T", str(timeout), "-p", str(port), "-t", kind, "--", host]


def salt_call(folder: Path, words: Sequence[str], *, log_level: str) -> list[str]:
    """Return the argv of the salt-call that stands beside this Python, on a folder with its configuration."""
    program = [str(Path(sys.executable).with_name("salt-call")), "--local", f"--config-dir={folder}"]
    return here([*program, "--out=json", "--retcode-passthrough", f"--log-level={log_level}", *words])


def salt_ssh(folder: Path, node: Node, words: Sequence[str]) -> list[str]:
    """Return the argv of the salt-ssh that stands beside this Python, on a folder with all its configuration."""
    program = [str(Path(sys.executable).with_name("salt-ssh")), "--saltfile=", f"--config-dir={folder}"]
    return [*program, "--out=json", "--out-indent=-1", "--static", "--no-color", "--list", "--", node.name, *words]


def salt_master(folder: Path) -> list[str]:
    """Return the argv of the salt-master that stands beside this Python, on a folder with its configuration."""
    return [str(Path(sys.executable).with_name("salt-master")), "-c", str(folder), "--log-level=warning"]


def git(folder: Path, *words: str) -> list[str]:
    """Return the argv of git in a work tree; nothing that was fetched gets to run as a hook."""
    return ["git", "-c", "core.hooksPath=/dev/null", "-C", str(folder), *words]


def git_fetch(folder: Path, repository: str, branch: str) -> list[str]:
    """Return the argv that fetches one branch of a repository to a reference of its own."""
    reference = f"+refs/heads/{branch}:{git_pushed(branch)}"
    return git(folder, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", repository, reference)


def git_pushed(branch: str) -> str:
    """Return the reference that a branch is fetched to; one level deep, so that `a` and `a/b` can both be."""
    return f"refs/pushed/{quote(branch, safe='')}"


def git_ls_remote(repository: str, branch: str) -> list[str]:
    """Return the argv that prints the commit at the tip of a branch of a repository."""
    return ["git", "ls-remote", "--", repository, f"refs/heads/{branch}"]


def kraftwerk(words: Sequence[str]) -> list[str]:
    """Return the argv of this very kraftwerk, in a process of its own."""
    return [sys.executable, "-m", "kraftwerk", *words]
