"""
The files that dumps are made of. For the modules of services: they write members with ``writing``, whether these go
into a folder or into the stream of an archive, and read them with ``reading``.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import pwd
import shutil
import subprocess
import tempfile
import threading

__virtualname__ = "kw_member"
PIECE = 2**20  # bytes, also of pipes: fewer and larger reads
DISKS = ("/var/lib", "/web")  # what lies there
SPARE = 2**28  # bytes that stay free there, or a fiftieth of a small disk


def __virtual__():
    """Load on Linux only, as the services' modules do."""
    if platform.system() != "Linux":
        return False, "kw_member: instances run on Linux nodes only"
    return __virtualname__


def describe(path):
    """
    Name, size in bytes and sha256 of a file, read in pieces, so that memory stays flat.

    path
        Where the file is on the node. Raises ``OSError`` where it can't be read.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_member.describe /web/mysite/dump/20261120T1012/files/uploads.tar.zst
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(PIECE):
            digest.update(piece)
    return {"name": os.path.basename(path), "size": os.path.getsize(path), "sha256": digest.hexdigest()}


def writing(target, name):
    """
    A member that is being written, for ``with``: it has ``run``, ``write`` and ``describe`` (see ``_Member``).

    When the body raises, nothing is left of it. Not for the command line.

    target
        What the service's ``dump`` was given: a folder on the node, or the stream of an archive.
    name
        Of the member, such as ``postgres.dump.zst``.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_member.writing /web/mysite/dump/20261120T1012 note.txt
    """
    if hasattr(target, "member"):
        return _writing(target.member(name), name)
    return _writing(_file(os.path.join(target, name)), name)


@contextlib.contextmanager
def _writing(sink, name):
    with sink as write:
        yield _Member(name, write)


@contextlib.contextmanager
def _file(path):
    """A new file of root's alone; removed when it isn't completed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as stream:
            yield stream.write
    except BaseException:
        os.unlink(path)
        raise


class _Member:
    """What ``writing`` yields."""

    def __init__(self, name, write):
        self.name, self.size = name, 0
        self._write, self._digest = write, hashlib.sha256()

    def write(self, piece):
        """Append bytes."""
        self._digest.update(piece)
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            view = view[self._write(view) :]

    def run(self, command, user=None, filter=None, accepted=(0,), **options):
        """
        Append what a program prints, through another one if there is a filter.

        command, filter
            Lists of words, or ``"zstd"`` for how members are packed.
        user
            System user that the command (not the filter) runs as, in a folder and with a home that it may enter.
        accepted
            Exit codes of the command that are no failure.
        options
            For ``subprocess.Popen``: ``stdin``, ``env`` (added to the environment), ``cwd``, ``pass_fds``.

        Returns what the command said on stderr. Raises ``RuntimeError`` with a program's last words.
        """
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(_program(_words(command), user, **{"stdin": subprocess.DEVNULL, **options}))
            last = first
            if filter is not None:
                last = stack.enter_context(_program(_words(filter), None, stdin=first.stdout))
                first.stdout.close()  # the filter's alone, so that the command learns of its end
            while piece := os.read(last.stdout.fileno(), PIECE):
                self.write(piece)
            if last is not first:
                last.check((0,))  # before the command, which a filter that fails takes along
            first.check(accepted)
            return first.words()

    def describe(self):
        """Name, size in bytes and sha256, without reading it again."""
        return {"name": self.name, "size": self.size, "sha256": self._digest.hexdigest()}


def _words(command):
    """A command's words. One thread of zstd is faster than what comes and goes here, in a seventh of the memory."""
    return ["zstd", "--single-thread", "-3", "-q"] if command == "zstd" else list(command)


@contextlib.contextmanager
def reading(source, name, unpack=("zstd", "-dcq")):
    """
    What a member holds, as the end of a pipe that can be another program's ``stdin``; for ``with``.

    When the body ends, the rest is read to its end and the unpacker's exit code checked: a body whose program has
    taken all it wants needn't care. Not for the command line.

    source
        Folder on the node with the member in it.
    name
        Of the member.
    unpack
        Command that unpacks stdin to stdout; None for bytes as they are.

    Raises ``RuntimeError`` where the member is damaged, or unpacks to so much that the node's disk would be full.

    CLI Example:

    .. code-block:: bash

        salt '*' kw_member.reading /web/mysite/dump/20261120T1012 postgres.dump.zst
    """
    with open(os.path.join(source, name), "rb", buffering=0) as stream:
        if unpack is None:
            yield stream
            return
        with _program(list(unpack), None, stdin=stream) as program, _guard(program):
            yield program.stdout
            while os.read(program.stdout.fileno(), PIECE):
                pass
            program.check((0,))


@contextlib.contextmanager
def _guard(program):
    """Stop a program when the disks that data lies on are about to be full: a few bytes may unpack to any number."""
    ended, tight = threading.Event(), []

    def watch():
        while not ended.wait(0.2) and not tight:
            tight.extend(path for path in DISKS if os.path.isdir(path) and _is_tight(path))
        if tight:
            program.kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    except (RuntimeError, OSError):
        if not tight:
            raise
    finally:
        ended.set()
        thread.join()
    if tight:
        raise RuntimeError(f"there is no room for what it unpacks to: the disk of {tight[0]} is all but full")


def _is_tight(path):
    usage = shutil.disk_usage(path)
    return usage.free < min(SPARE, usage.total // 50)


class _Program(subprocess.Popen):
    """A program with large pipes, whose stderr is kept aside; killed when the body of ``with`` ends before it does."""

    def __init__(self, command, user, env=None, **options):
        self.name, self.said = os.path.basename(command[0]), tempfile.TemporaryFile()  # noqa: SIM115 - closed by _program
        identity = _identity(user) if user else {}
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **identity.pop("env", {}), **(env or {})}
        try:
            super().__init__(
                command, stdout=subprocess.PIPE, stderr=self.said, env=environment, **{**identity, **options}
            )
        except FileNotFoundError as error:
            self.said.close()
            raise RuntimeError(f"{command[0]} isn't installed on this node") from error

    def words(self):
        """What it said on stderr."""
        self.said.seek(0)
        return self.said.read().decode(errors="replace")

    def check(self, accepted):
        """Wait for its end; raise ``RuntimeError`` with its last words when it failed."""
        if self.wait() not in accepted:
            lines = [line.strip() for line in self.words().splitlines() if line.strip()]
            words = " / ".join(lines[-3:]) or f"failed without a word ({self.returncode})"
            raise RuntimeError(f"{self.name}: {words.removeprefix(f'{self.name}: ')}")


@contextlib.contextmanager
def _program(command, user, **options):
    program = _Program(command, user, **options)
    try:
        _widen(program.stdout)
        yield program
    finally:
        program.kill()
        program.stdout.close()
        program.wait()
        program.said.close()


def _widen(pipe):
    """Let a pipe hold a whole piece; where the kernel's limit for users is lower it stays as it is."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIECE)


def _identity(user):
    """As ``kw_process.identity``; under Salt there is no ``__salt__`` here while the body of a ``with`` runs."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise RuntimeError(f"there is no user {user} on this node") from error
    return {
        "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/", "env": {"HOME": entry.pw_dir}
    }  # fmt: skip
