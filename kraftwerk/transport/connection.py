"""The way to a node: one multiplexed OpenSSH connection that commands, streams and rsync share."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NoReturn

from kraftwerk import argv, privilege, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.node import Node, known_hosts_file, machine_id, private_key_file
from kraftwerk.paths import private, socket_home
from kraftwerk.process import Completed, Stream

GUEST = "guest"  # the provider of a host that is no node: it is reached by the admin's own ssh configuration
UNREACHABLE = 255  # ssh's own exit code when the connection failed


def ssh_options() -> list[str]:
    """Return the options of every ssh connection that kraftwerk makes."""
    socket = private(socket_home()) / "%C"
    return argv.ssh_options(key=private_key_file(), known_hosts=known_hosts_file(), socket=socket)


class Connection:
    """A node to talk to. Opened by the first command and kept for ten minutes by ssh itself."""

    def __init__(self, node: Node, options: Sequence[str] | None = None) -> None:
        self.node = node
        self.options = ssh_options() if options is None else options

    def run(
        self,
        words: Sequence[str],
        *,
        input: bytes | None = None,
        stdin: Stream = None,
        stdout: Stream = process.PIPE,
        timeout: float | None = None,
        check: bool = True,
    ) -> Completed:
        """Run a program on the node as root, to its end.

        Args:
            words: the program and its arguments; they arrive as given.
            input: bytes for its stdin; else `stdin` (a file), else nothing.
            stdout: a file for what it prints, else it is kept.
            timeout: seconds.
            check: raise when it exits with anything but 0.

        Raises:
            KraftwerkError: the node can't be reached or its host key changed; or (with check) the program failed.
        """
        command = self._command(words)
        source = process.DEVNULL if stdin is None else stdin
        completed = process.run(command, input=input, stdin=source, stdout=stdout, timeout=timeout, check=False)
        if completed.returncode == UNREACHABLE and not self.node.is_here:
            raise unreachable(self.node, completed.stderr.decode(errors="replace"))
        if check and completed.returncode:
            raise KraftwerkError(f"{self.node.name}: {process.failure(words, completed)}")
        return completed

    def text(self, words: Sequence[str], **options: float) -> str:
        """Run a program on the node and return what it prints, without the last newline."""
        return self.run(words, **options).stdout.decode(errors="replace").rstrip("\n")  # type: ignore[arg-type]

    def script(self, body: str, *arguments: str, timeout: float | None = None, check: bool = True) -> Completed:
        """Run a POSIX shell script on the node; its text goes over stdin, its arguments are $1, $2 ….

        Raises:
            KraftwerkError: as `run`.
        """
        return self.run(["sh", "-seu", "--", *arguments], input=body.encode(), timeout=timeout, check=check)

    def popen(self, words: Sequence[str], *, stdin: Stream, stdout: Stream, stderr: Stream = None) -> process.Popen:
        """Start a program on the node, to read or feed it while it runs."""
        return process.popen(self._command(words), stdin=stdin, stdout=stdout, stderr=stderr)

    def interactive(self, words: Sequence[str]) -> NoReturn:
        """Become a program on the node: terminal (when there is one here), stdin, exit code and Ctrl-C are its own.

        Without a terminal Ctrl-C ends the ssh here, which says 255 then; so that one stays our child.
        """
        tty = sys.stdin.isatty() and sys.stdout.isatty()
        self.check()
        command = self._command(words, tty=tty)
        if tty:
            process.replace(command)
        sys.exit(process.foreground(argv.ending_with_us(command) if shutil.which("setpriv") else command))

    def check(self) -> None:
        """Make sure that the node answers.

        Raises:
            KraftwerkError: it doesn't, with the reason.
        """
        alive = process.run(argv.ssh_control(self.node, self.options, "check"), check=False, timeout=5)
        if alive.returncode:
            self.run(["true"], timeout=2 * argv.CONNECT_TIMEOUT)

    def rsync(
        self,
        source: Path,
        target: PurePosixPath,
        *,
        link_dest: PurePosixPath | None = None,
        owner: str = "",
        modes: str = "",
        files: Sequence[str] | None = None,
        missing: bool = False,
    ) -> None:
        """Make a folder on the node the same as one here; with `files`, send only these paths below it.

        With `missing`, those of them that aren't here any more go there, too.

        Raises:
            KraftwerkError: rsync failed; what it sent is completed by the next call.
        """
        command = argv.rsync(
            self.node,
            self.options,
            source,
            target,
            link_dest=link_dest,
            owner=owner,
            modes=modes,
            files_from=files is not None,
            missing=missing,
        )
        names = None if files is None else b"".join(name.encode() + b"\0" for name in files)
        process.run(as_root_here(self.node, command), input=names)

    def _command(self, words: Sequence[str], *, tty: bool = False) -> list[str]:
        if self.node.is_here and tty:  # as ssh hands it on
            words = ["env", f"TERM={os.environ.get('TERM', 'dumb')}", *words]
        return as_root_here(self.node, argv.ssh(self.node, self.options, words, tty=tty))

    def close(self) -> None:
        """End the multiplexed connection, if there is one."""
        process.run(argv.ssh_control(self.node, self.options, "exit"), check=False, timeout=5)


def as_root_here(node: Node, command: list[str]) -> list[str]:
    """Return a command for a node; where that is this computer, one that runs as root.

    Raises:
        KraftwerkError: neither root nor sudo is to be had; or `here` was said on another computer.
    """
    if not node.is_here:
        return command
    if node.machine_id != machine_id():
        cause = f"{node.name} is another computer, which is reached from itself only"
        raise KraftwerkError(
            cause, next_command=f"kraftwerk on {node.name}; or adopt it: kraftwerk create-node", code=2
        )
    privilege.obtain()
    return privilege.words(command)


def unreachable(node: Node, words: str) -> KraftwerkError:
    """Return the error for what ssh said when it could not connect."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if node.is_here:
        return KraftwerkError(f"{node.name}: {lines[-1] if lines else 'a program ended without a word'}")
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in words or "Host key verification failed" in words:
        return KraftwerkError(
            f"{node.name} shows another host key than the pinned one in {known_hosts_file()}: "
            "it was reinstalled, or somebody stands in between",
            next_command=_after_change(node),
        )
    if "Permission denied" in words and node.provider != GUEST:
        return _refused(node, private_key_file())
    reason = lines[-1] if lines else "ssh could not connect"
    start = {"local": f"kraftwerk start-node {node.name}", "ssh": f"ping {node.host}"}
    start[GUEST] = f"ssh {node.user}@{node.host} must work without a password"
    next_command = start.get(node.provider, "kraftwerk nodes")
    return KraftwerkError(f"{node.name} can't be reached: {reason}", next_command=next_command)


def _after_change(node: Node) -> str:
    if node.provider == GUEST:
        return f"ssh-keygen -R {node.host}, if it really is a new machine"
    if node.provider in ("local", "ssh"):
        return f"kraftwerk destroy-node {node.name}, if it really is a new machine"
    return f"look at it in the console of {node.provider}; kraftwerk destroy-node {node.name} ends the machine"


def _refused(node: Node, key: Path) -> KraftwerkError:
    if not key.exists():
        lost = f"{key}, the key that {node.name} lets in, is missing"
        return KraftwerkError(lost, next_command="put it back from a backup or another computer of yours")
    if key.stat().st_mode & 0o077:
        return KraftwerkError(f"{key} is open to others, so that ssh leaves it alone", next_command=f"chmod 600 {key}")
    return KraftwerkError(
        f"{node.name} does not accept {key} for {node.user}",
        next_command=f"ssh-copy-id -i {key}.pub {node.user}@{node.host}",
    )
