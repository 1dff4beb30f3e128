"""The one place that starts processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

from kraftwerk.errors import INTERRUPTED, KraftwerkError

DEVNULL = subprocess.DEVNULL
PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT
Popen = subprocess.Popen[bytes]
Completed = subprocess.CompletedProcess[bytes]
Stream = int | IO[bytes] | None
OnLine = Callable[[str], None]
PR_SET_PDEATHSIG = 1  # Linux: which signal tells of the parent's end


def run(
    argv: Sequence[str],
    *,
    input: bytes | None = None,
    stdin: Stream = DEVNULL,
    stdout: Stream = PIPE,
    stderr: Stream = PIPE,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    check: bool = True,
    keep: Sequence[int] = (),
) -> Completed:
    """Run a program to its end and return its exit code and output.

    Args:
        argv: the program and its arguments; never seen by a shell.
        input: what it reads on stdin (then `stdin` does not count).
        stdin, stdout, stderr: as subprocess takes them; output is kept unless told otherwise.
        env: variables added to the environment.
        cwd: the folder to run it in.
        timeout: seconds after which it is killed.
        check: raise when it exits with anything but 0.
        keep: file descriptors that it inherits.

    Raises:
        KraftwerkError: the program is missing, took too long, or (with check) failed, with its last words.
    """
    try:
        completed = subprocess.run(
            list(argv),
            input=input,
            stdin=None if input is not None else stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            timeout=timeout,
            check=False,
            pass_fds=tuple(keep),
        )
    except FileNotFoundError as error:
        raise _missing(argv, error) from error
    except subprocess.TimeoutExpired as error:
        raise KraftwerkError(f"{argv[0]} did not finish within {timeout:.0f} s") from error
    if check and completed.returncode:
        raise KraftwerkError(failure(argv, completed))
    return completed


# What rsync and git say last; the reason stands before it.
AFTER_THE_REASON = (
    "rsync error:",
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
)


def failure(argv: Sequence[str], completed: Completed) -> str:
    """Return one line that says how a program failed: its name, exit code and last words."""
    words = (completed.stderr or completed.stdout or b"").decode(errors="replace").strip().splitlines()
    words = [word for word in words if word.strip() and not word.startswith(AFTER_THE_REASON)] or words
    last = words[-1].strip() if words else "no output"
    return f"{Path(argv[0]).name} failed with exit code {completed.returncode}: {last}"


def popen(
    argv: Sequence[str],
    *,
    stdin: Stream = DEVNULL,
    stdout: Stream = PIPE,
    stderr: Stream = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    detach: bool = False,
    keep: Sequence[int] = (),
) -> Popen:
    """Start a program and return at once, for streams and for what outlives this command.

    Args:
        argv, stdin, stdout, stderr, env, cwd: as in `run`.
        detach: give it a session of its own, so that Ctrl-C here doesn't reach it.
        keep: file descriptors that it inherits.

    Raises:
        KraftwerkError: the program is missing.
    """
    try:
        return subprocess.Popen(
            list(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            start_new_session=detach,
            pass_fds=tuple(keep),
        )
    except FileNotFoundError as error:
        raise _missing(argv, error) from error


def listen(argv: Sequence[str], on_line: OnLine | None = None) -> tuple[str, str, int]:
    """Run a program to its end, hand on each line of its stderr as it comes, and return output, errors and exit code.

    Raises:
        KraftwerkError: the program is missing.
    """
    running = popen(argv, stderr=PIPE)
    assert running.stdout is not None and running.stderr is not None  # noqa: S101 - pipes were asked for
    errors: list[str] = []

    def read_errors(stream: IO[bytes]) -> None:
        for raw in stream:
            errors.append(raw.decode(errors="replace"))
            if on_line is not None:
                on_line(errors[-1].rstrip("\n"))

    reader = threading.Thread(target=read_errors, args=(running.stderr,), daemon=True)
    reader.start()
    try:
        output = running.stdout.read().decode(errors="replace")
        reader.join()
        return output, "".join(errors), running.wait()
    except BaseException:
        running.terminate()
        raise


def foreground(argv: Sequence[str]) -> int:
    """Run a program to its end with our stdin, stdout and stderr; signals that end us end it before.

    Returns:
        Its exit code as a shell tells it, 128 and more for a signal; when one came to us, that one's.

    Raises:
        KeyboardInterrupt: that was Ctrl-C.
        KraftwerkError: the program is missing.
    """
    received: list[int] = []
    handed = 0
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, lambda number, _: received.append(number))
    with _told_of_signals() as told:
        running = popen(argv, stdin=None, stdout=None)
        while running.poll() is None:
            for sent in received[handed:]:
                running.send_signal(sent)
                handed += 1
            os.read(told, 1)
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    code = running.returncode
    return 128 + received[0] if received else code if code >= 0 else 128 - code


@contextmanager
def _told_of_signals() -> Iterator[int]:
    """Yield a descriptor that can be read once a signal came, a child's end included.

    Waiting for the child itself would sleep over a signal that comes in the instant before.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, before)
        os.close(reading)
        os.close(writing)


def fork(work: Callable[[], None], stdout: int, stderr: int) -> int:
    """Start a copy of this process that does one thing and ends; return its id. No other thread may run here.

    It has no stdin, is the head of a process group of its own, so that Ctrl-C here doesn't reach it by itself, and is
    interrupted when this process ends in any way.

    Args:
        work: what it does; what that raises ends it with exit code 1, an interruption with 130.
        stdout, stderr: descriptors that it prints to.
    """
    import ctypes

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        if pid := os.fork():
            with suppress(PermissionError, ProcessLookupError):  # it has done so itself, and maybe ended
                os.setpgid(pid, pid)
            return pid
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            _redirect(stdout, stderr)
            _leave(_done(work, before) if os.getppid() == parent else INTERRUPTED)
        finally:  # interrupted on its way out: it must never go on as if it were the original
            os._exit(INTERRUPTED)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _done(work: Callable[[], None], mask: Collection[int]) -> int:
    """Do it, open to signals as we were before, and return the exit code that it comes to."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        work()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _redirect(stdout: int, stderr: int) -> None:
    """Read from nothing, and print to these, also what programs that we start print."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for number, descriptor in ((1, stdout), (2, stderr)):
        os.dup2(descriptor, number)
    sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115


def _leave(code: int) -> NoReturn:
    """End this copy, without what only the original has to do at its end."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def replace(argv: Sequence[str]) -> NoReturn:
    """Become that program: terminal, signals and exit code are its own from here on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - an argv list, no shell
    except FileNotFoundError as error:
        raise _missing(argv, error) from error


def _missing(argv: Sequence[str], error: FileNotFoundError) -> KraftwerkError:
    if error.filename and error.filename != argv[0]:
        return KraftwerkError(f"{error.filename}: no such folder")
    return KraftwerkError(f"{argv[0]} is not installed here", next_command=f"apt-get install {Path(argv[0]).name}")
