"""Locks on a node: leases that their holder renews over an open ssh channel. When it ends in any way, so do they."""

import os
import secrets
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from kraftwerk import lockowner, process
from kraftwerk.errors import KraftwerkError
from kraftwerk.lockowner import Owner
from kraftwerk.remote import script
from kraftwerk.screen import OnProgress
from kraftwerk.transport import Connection

NODE = "node"  # the lock of what concerns all of a node
TAKEN = 75
WHOLE = 76  # somebody has the whole node, by hand
LEASE = 30  # seconds without a sign of life from us, after which the node gives the lock to others
BEAT = 5  # seconds between signs of life
SILENCE = 20  # seconds after which the node ends a connection whose other end is silent, which has given up after 15
VARIABLE = "KRAFTWERK_LOCK"  # tickets of locks that are held for us: by who started us, or by hand
_held: dict[tuple[str, str], "Lease"] = {}


@dataclass
class Lease:
    """A lock that this process holds.

    Attributes:
        ticket: what it is known by on the node.
        lost: why it isn't held any more, though we didn't let go; taken: the node said so, and ends what we do there.
    """

    node: str
    name: str
    ticket: str
    program: process.Popen
    lost: str = ""
    taken: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    mutex: threading.Lock = field(default_factory=threading.Lock)
    holder: threading.Thread = field(default_factory=threading.current_thread)
    listener: threading.Thread = field(init=False)

    def begin(self) -> None:
        """Begin to tell the node that we are there, and to listen to it."""
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        threading.Thread(target=self.renew, daemon=True).start()

    def renew(self) -> None:
        """Tell the node every few seconds that we are there."""
        while not self.ended.wait(BEAT):
            self.tell("")

    def listen(self) -> None:
        """Wait for the node to say that the lock is lost; whoever works behind it is interrupted then."""
        assert self.program.stdout is not None  # noqa: S101 - a pipe was asked for
        said = self.program.stdout.readline().decode(errors="replace").strip()
        with self.mutex:
            working, self.taken = not self.ended.is_set(), bool(said)
            if said or working:
                self.lost = f"the lock {self.name} on {self.node} was lost: {_why(said)}"
            # A broken connection is noticed by all that uses it.
            if said and working and self.holder is threading.main_thread() and self.holder.ident is not None:
                signal.pthread_kill(self.holder.ident, signal.SIGINT)

    def check(self) -> None:
        """See that it is held.

        Raises:
            KraftwerkError: it was lost, and why.
        """
        if self.program.stdout is not None and select.select([self.program.stdout], [], [], 0)[0]:
            self.listener.join(1)  # the node just said something, and it is being read
        if self.lost:
            raise KraftwerkError(self.lost, next_command=f"kraftwerk lock {self.node}")

    def tell(self, line: str) -> None:
        """Say something to the node's program."""
        assert self.program.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(OSError, ValueError):  # it has ended, which is heard elsewhere
            self.program.stdin.write(f"{line}\n".encode())
            self.program.stdin.flush()

    def release(self, *, done: bool) -> None:
        """Let go, and wait until the node has done what it does then.

        Args:
            done: all is done; else the node looks for what was left running there, and ends it.
        """
        with self.mutex:
            self.ended.set()
        if done:
            self.tell("done")
        if self.program.stdin is not None:
            with suppress(OSError):
                self.program.stdin.close()
        self.listener.join()
        _end(self.program)


@contextmanager
def held(
    connection: Connection, name: str, *, wait: float = 0, last: str = "", on_progress: OnProgress = lambda text: None
) -> Iterator[None]:
    """Hold a lock on a node: an instance's name, or `node` for what concerns all of it.

    Who holds it already in this process just goes on; and who was started by its holder, as a hook is.

    Args:
        wait: seconds to wait for another holder.
        last: a shell script that the node runs when the lock ends, in whatever way, just before others get it; $1 is
            the lock's name.
        on_progress: is told who is waited for.

    Raises:
        KraftwerkError: somebody else holds it, with who, where, what and since when. Or, instead of an interruption,
            it was lost meanwhile.
    """
    key = (connection.node.name, name)
    lease = None if key in _held else _take(connection, name, time.monotonic() + wait, last, on_progress)
    if lease is None:
        yield
        return
    _held[key] = lease
    lease.begin()
    done = False
    try:
        try:
            yield
            done = True
        finally:
            _held.pop(key, None)
            lease.release(done=done)
    except (KeyboardInterrupt, KraftwerkError) as error:
        if lease.taken:  # what was interrupted, or failed since the node ended it, is no news
            raise KraftwerkError(lease.lost, next_command=f"kraftwerk lock {lease.node}") from error
        raise


def check() -> None:
    """See that no lock of ours was lost: before something that others must not do at the same time.

    Raises:
        KraftwerkError: one was, and why.
    """
    for lease in _held.values():
        lease.check()


def title(node: str, name: str) -> str:
    """Return what a lock is called: the site on its node, or the node."""
    return f"all of {node}" if name == NODE else f"{name} on {node}"


def tickets() -> str:
    """Return the tickets of all locks that are held for us, for programs that we start: they work behind these, too."""
    given = os.environ.get(VARIABLE, "")
    return ",".join(filter(None, [given, *(lease.ticket for lease in _held.values())]))


def _take(connection: Connection, name: str, until: float, last: str, on_progress: OnProgress) -> Lease | None:
    """Take a lock; None where who holds it has lent it to us."""
    while True:
        ticket = secrets.token_hex(8)
        given = os.environ.get(VARIABLE, "")
        words = [name, lockowner.ours().as_json(), ticket, given, str(LEASE), last, script("silence"), str(SILENCE)]
        command = ["bash", "-c", script("lock"), "kraftwerk-lock", *words]
        # Apart: after Ctrl-C it is held until what was begun is cleaned up behind it.
        program = connection.popen(command, stdin=process.PIPE, stdout=process.PIPE, stderr=process.PIPE, apart=True)
        assert program.stdout is not None and program.stderr is not None  # noqa: S101 - pipes were asked for
        line = program.stdout.readline().decode(errors="replace").strip()
        if line == "held":
            return Lease(connection.node.name, name, ticket, program)
        said = program.stderr.read().decode(errors="replace").strip()
        _end(program)
        if line == "lent":
            return None
        if program.returncode not in (TAKEN, WHOLE):
            connection.check()
            reason = (line or said or "no answer").splitlines()[-1]
            raise KraftwerkError(f"{connection.node.name}: the lock {name} could not be taken: {reason}")
        owner = Owner.from_json(line)
        if time.monotonic() >= until or (owner.by_hand and name == NODE):  # highstates queue, but not for hours
            raise _taken(connection.node.name, NODE if program.returncode == WHOLE else name, owner)
        on_progress(f"waits for {owner.words}")
        time.sleep(0.5)


def _taken(node: str, name: str, owner: Owner) -> KraftwerkError:
    how = (
        f"kraftwerk unlock {node} --name {name}" if owner.by_hand else f"later again; kraftwerk lock {node} shows locks"
    )
    return KraftwerkError(f"{title(node, name)} is locked by {owner.words}", next_command=how)


def _why(said: str) -> str:
    """Return what the node's last word means."""
    word, _, who = said.partition(" ")
    if word == "broken":
        return f"{who or 'somebody'} broke it"
    return f"the node heard nothing from here for {LEASE} s" if word == "expired" else "the connection broke"


def _end(program: process.Popen) -> None:
    for stream in (program.stdin, program.stdout, program.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    program.wait()
