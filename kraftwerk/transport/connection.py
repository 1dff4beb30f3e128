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
from kraftwerk.transport import shared
from kraftwerk.transport.unreachable import UNREACHABLE, unreachable


def control_socket(node: Node | None = None) -> Path:
    """Return where the shared connection to a node listens; without one, ssh's own pattern for any host."""
    return private(socket_home()) / (argv.control_name(node) if node else "%C")


def ssh_options(node: Node | None = None) -> list[str]:
    """Return the options of every ssh connection to a node; without one, those for Salt's own programs."""
    key, known_hosts = private_key_file(), known_hosts_file()
    return argv.ssh_options(key=key, known_hosts=known_hosts, socket=control_socket(node))


class Connection:
    """A node to talk to. Opened by the first command and kept for ten minutes by ssh itself.

    Each command asks first whether the node answers, and opens the connection anew where it went stale (shared.py).
    """

    def __init__(self, node: Node, options: Sequence[str] | None = None) -> None:
        self.node = node
        self.options = ssh_options(node) if options is None else options

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
        self.ready()
        command = self._command(words)
        source = process.DEVNULL if stdin is None else stdin
        completed = process.run(command, input=input, stdin=source, stdout=stdout, timeout=timeout, check=False)
        if completed.returncode == UNREACHABLE and not self.node.is_here:
            raise unreachable(self.node, completed.stderr.decode(errors="replace"))
        shared.answered(self.options)
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

    def popen(
        self, words: Sequence[str], *, stdin: Stream, stdout: Stream, stderr: Stream = None, apart: bool = False
    ) -> process.Popen:
        """Start a program on the node, to read or feed it while it runs.

        Args:
            apart: Ctrl-C in our terminal doesn't reach the way to it; on this computer it never does, and sudo wants
                the terminal.

        Raises:
            KraftwerkError: the node can't be reached.
        """
        self.ready()
        detach = apart and not self.node.is_here
        return process.popen(self._command(words), stdin=stdin, stdout=stdout, stderr=stderr, detach=detach)

    def interactive(self, words: Sequence[str]) -> NoReturn:
        """Become a program on the node: terminal (when there is one here), stdin, exit code and Ctrl-C are its own.

        Without a terminal Ctrl-C ends the ssh here, which says 255 then; so that one stays our child.
        """
        tty = sys.stdin.isatty() and sys.stdout.isatty()
        self.ready()
        command = self._command(words, tty=tty)
        if tty:
            process.replace(command)
        sys.exit(process.foreground(argv.ending_with_us(command) if shutil.which("setpriv") else command))

    def ready(self) -> None:
        """Make sure that the node answers, before something begins on it; it costs nothing if it just did.

        Raises:
            KraftwerkError: it doesn't, with the reason.
        """
        shared.ready(self.node, self.options)

    def check(self) -> None:
        """Make sure that the node answers now, whatever it did a moment ago.

        Raises:
            KraftwerkError: it doesn't, with the reason.
        """
        shared.ready(self.node, self.options, fresh=0)

    def is_open(self) -> bool:
        """Tell whether the node answers over a connection that is open already; this computer always does."""
        return shared.is_open(self.node, self.options)

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
        self.ready()
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
        names = None if files is None else b"".join(os.fsencode(name) + b"\0" for name in files)
        process.run(as_root_here(self.node, command), input=names)

    def _command(self, words: Sequence[str], *, tty: bool = False) -> list[str]:
        if self.node.is_here and tty:  # as ssh hands it on
            words = ["env", f"TERM={os.environ.get('TERM', 'dumb')}", *words]
        return as_root_here(self.node, argv.ssh(self.node, self.options, words, tty=tty))

    def close(self) -> None:
        """End the shared connection, if there is one."""
        shared.close(self.node, self.options)


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
