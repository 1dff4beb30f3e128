"""Runs on a node, as an argument of python3: a program that is stopped when its caller is gone.

leash.py output|stdin PROGRAM [ARGUMENT…]

A program without a terminal isn't told when the connection to its caller breaks. But the pipe that its output goes into
loses its reader then. With `output` that is what is watched, and stdin is the program's own. With `stdin` it is our
stdin, which ends when the caller does: that is sure even where the caller's ssh outlives it.
"""

import _thread
import os
import select
import sys
import time

# Nothing else is imported: `run` waits for it, and signal and subprocess take three times as long as all the rest.
SIGKILL, SIGPIPE, SIGTERM, SIGXFSZ = 9, 13, 15, 25
GRACE = 10  # seconds between asking it to stop and making it


def stop(watched: str, group: int) -> None:
    """Wait for our caller to go; then stop the program and all that it started."""
    if watched == "output":
        poll = select.poll()
        poll.register(1, 0)
        poll.poll()
    else:
        while os.read(0, 1000):
            pass
    os.killpg(group, SIGTERM)
    time.sleep(GRACE)
    os.killpg(group, SIGKILL)


def main(watched: str, *words: str) -> int:
    """Run the program; return its exit code as a shell would, 128 and more for a signal."""
    stdin = [] if watched == "output" else [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    ours = [SIGPIPE, SIGXFSZ]  # that Python has us ignore
    try:
        program = os.posix_spawnp(words[0], words, os.environ, file_actions=stdin, setsid=True, setsigdef=ours)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    _thread.start_new_thread(stop, (watched, program))
    status = os.waitpid(program, 0)[1]
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
