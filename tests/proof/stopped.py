"""kraftwerk as its users start it, that waits at one phase of a deploy or rollback until it is told to go on.

`python -m tests.proof.stopped PHASE READ WRITE -- deploy blue --yes`: at the phase it writes a line to file descriptor
WRITE, and goes on when one comes from READ. `Stopped` is the other end.
"""

import functools
import os
import subprocess
import sys

from kraftwerk import deploy
from kraftwerk.__main__ import main
from tests.proof.stall import HANG, ROOT


class Stopped:
    """A kraftwerk command that waits at a phase."""

    def __init__(self, stall, phase, *words, env=None):
        read, self.go = os.pipe()
        self.said, write = os.pipe()
        command = [sys.executable, "-m", "tests.proof.stopped", phase, str(read), str(write), "--", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, cwd=stall.root, env=environment, pass_fds=(read, write), **pipes)
        os.close(read)
        os.close(write)

    def here(self):
        """Wait until it is at the phase."""
        assert os.read(self.said, 5) == b"here\n", self.end()

    def on(self):
        """Let it go on."""
        os.write(self.go, b"\n")

    def end(self):
        """Wait for its end, and return its code and all that it printed."""
        said = self.process.communicate(timeout=HANG)[0]
        for end in (self.go, self.said):
            os.close(end)
        return self.process.returncode, said


def stopped(phase, read, write):
    """Return a phase that waits before it begins."""

    @functools.wraps(phase)
    def waiting(run):
        os.write(write, b"here\n")
        os.read(read, 1)
        return phase(run)

    return waiting


def begin():
    """Start kraftwerk with the phase in the place of the one that doesn't wait."""
    name, read, write = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for phases in ("DEPLOY", "ROLLBACK"):
        found = [stopped(each, read, write) if each.__name__ == name else each for each in getattr(deploy, phases)]
        setattr(deploy, phases, tuple(found))
    sys.argv[1:] = sys.argv[5:]
    main()


if __name__ == "__main__":
    begin()
