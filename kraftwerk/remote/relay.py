"""Runs on two nodes, as an argument of python3: rsync between them, over stdin and stdout, which the caller connects.

relay.py send FOLDER TARGET [OPTION…]   rsync sends what is in a folder; what it would call by ssh is asked for here
relay.py receive TARGET                 rsync takes it: the words are read from stdin's first line

The nodes need no way to each other. The receiving one lets nothing be written but below TARGET, and sends nothing.
"""

import os
import subprocess
import sys

ALLOWED = ("--delete", "--fsync")
# What rsync calls in place of ssh, with the words for the other end: they go first, then all bytes both ways.
# It ends when the other end does, as ssh would.
SHELL = 'shift; printf "%s\\n" "$*" >&4; exec 5<&0; cat <&5 >&4 & cat <&3'


def send(folder: str, target: str, *options: str) -> int:
    """Run rsync with our stdin and stdout as its way to the other node; return its exit code."""
    os.dup2(0, 3)
    os.dup2(1, 4)
    shell = "sh -c 'eval \"$RELAY\"' relay"
    command = ["rsync", *options, "-e", shell, f"{folder}/", f"node:{target}/"]
    environ = {**os.environ, "RELAY": SHELL}
    nothing = subprocess.DEVNULL
    done = subprocess.run(command, stdin=nothing, stdout=2, pass_fds=(3, 4), env=environ, check=False)
    return done.returncode


def receive(target: str) -> int:
    """Become the rsync that the other node asks for."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return 1
        line += byte
    words = line.decode().split()
    asked = words[:2] == ["rsync", "--server"] and words[-2:] == [".", f"{target}/"]
    if not asked or any(word.startswith("--") for word in words[2:] if word not in ALLOWED):
        print(f"refused: {line!r}", file=sys.stderr)
        return 1
    os.execvp("rsync", words)  # noqa: S606 - an argv list, no shell


if __name__ == "__main__":
    sys.exit(send(*sys.argv[2:]) if sys.argv[1] == "send" else receive(sys.argv[2]))
