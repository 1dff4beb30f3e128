"""The one place that starts processes."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from kraftwerk.errors import KraftwerkError

DEVNULL = subprocess.DEVNULL
PIPE = subprocess.PIPE
STDOUT = subprocess.STDOUT
Popen = subprocess.Popen[bytes]
Completed = subprocess.CompletedProcess[bytes]
Stream = int | IO[bytes] | None
OnLine = Callable[[str], None]


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
    started: list[Popen] = []

    def hand_on(number: int, frame: object) -> None:
        received.append(number)
        for program in started:
            program.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, hand_on)
    running = popen(argv, stdin=None, stdout=None)
    started.append(running)
    for early in received:  # came while it was started
        running.send_signal(early)
    code = running.wait()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    return 128 + received[0] if received else code if code >= 0 else 128 - code


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
