"""Runs on a node, as an argument of python3: a program that is stopped when nobody reads its output any more.

A program without a terminal isn't told when the connection to its caller breaks. But the pipe that its output goes into
loses its reader then, and poll sees that.
"""

import os
import select
import signal
import subprocess
import sys
import threading

GRACE = 10  # seconds between asking it to stop and making it


def stop(group: int) -> None:
    """Wait for the reader of our output to go; then stop the program and all that it started."""
    poll = select.poll()
    poll.register(1, 0)
    poll.poll()
    os.killpg(group, signal.SIGTERM)
    threading.Event().wait(GRACE)
    os.killpg(group, signal.SIGKILL)


def main(words: list[str]) -> int:
    """Run the program; return its exit code as a shell would, 128 and more for a signal."""
    try:
        program = subprocess.Popen(words, start_new_session=True)
    except OSError as error:
        print(f"{words[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    threading.Thread(target=stop, args=(program.pid,), daemon=True).start()
    code = program.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
