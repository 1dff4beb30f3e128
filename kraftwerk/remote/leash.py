"""Runs on a node, as an argument of python3: a program that is stopped when its caller is gone.

leash.py output|stdin PROGRAM [ARGUMENT…]

A program without a terminal isn't told when the connection to its caller breaks. But the pipe that its output goes into
loses its reader then. With `output` that is what is watched, and stdin is the program's own. With `stdin` it is our
stdin, which ends when the caller does: that is sure even where the caller's ssh outlives it.
"""

import os
import select
import signal
import subprocess
import sys
import threading

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
    os.killpg(group, signal.SIGTERM)
    threading.Event().wait(GRACE)
    os.killpg(group, signal.SIGKILL)


def main(watched: str, *words: str) -> int:
    """Run the program; return its exit code as a shell would, 128 and more for a signal."""
    stdin = None if watched == "output" else subprocess.DEVNULL
    try:
        program = subprocess.Popen(words, stdin=stdin, start_new_session=True)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    threading.Thread(target=stop, args=(watched, program.pid), daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
